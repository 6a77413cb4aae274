// Context: what every command gets. A command prints what was asked for and answers a Status;
// whoever runs it prints the error's sentence on stderr and turns its code into the exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/cli/output.h"
#include "client/cli/profile.h"
#include "jangada/client.h"

namespace jangada::client {

struct Context {
  Client& client;  // has connected to nothing yet
  int64_t timeout_ms = 10'000;
  bool timeout_given = false;  // by the caller or the profile; else it is the usual one
  bool assume_yes = false;     // no question before something is destroyed
  Output output = {};
  Connection connection = {};
};

/// Asks on the terminal whether to go on; where nobody can answer, or --yes was given: yes.
/// kFailedPrecondition: the answer was no.
Status Confirm(const Context& context, const std::string& question);

/// The answer as JSON, or as a sentence.
Status Answer(const Context& context, const std::string& json, const std::string& sentence);

/// "partition 3 of events"
std::string Shown(const TopicPartition& where);

}  // namespace jangada::client
