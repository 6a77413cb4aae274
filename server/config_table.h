// The table of all options: one row each, from which parsing, defaults, help and checks of one
// value come. Private to config.cc and its tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/config.h"

namespace jangada::server {

/// The tick of the shards' Raft clock: times of Raft are multiples of it.
inline constexpr int64_t kTickMs = 10;

/// Where a row's value lies in a Config. The type of the field says how its text is read.
template <class T>
using FieldOf = T& (*)(Config&);
using OptionField =
    std::variant<FieldOf<std::string>, FieldOf<int64_t>, FieldOf<bool>, FieldOf<Endpoint>,
                 FieldOf<std::optional<Endpoint>>, FieldOf<std::vector<Founder>>>;

struct Option {
  const char* key;
  const char* unit;
  const char* help;
  OptionField field;
  int64_t min = 0;                        // of numbers
  int64_t max = 0;                        // of numbers
  const char* special = nullptr;          // a word for the number -1: "auto"
  std::vector<const char*> allowed = {};  // of words; empty: any
  bool required = false;                  // of words: may not be empty
};

const std::vector<Option>& OptionTable();

/// Reads one value. The error's message lacks the option's name.
Status SetFromText(const Option& option, Config& config, const std::string& text);

/// The value as one would write it; SetFromText reads it back.
std::string ToText(const Option& option, const Config& config);

}  // namespace jangada::server
