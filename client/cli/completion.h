// Completion for bash: the script that a shell sources, and what may stand at a place of a command
// line. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"

namespace jangada::client {

/// What `jangada completion bash` prints.
std::string BashScript();

struct Candidates {
  std::vector<std::string> words;             // that begin as the last word does
  Completion dynamic = Completion::kNothing;  // and these, which only a cluster or a file knows
  std::string prefix;                         // what the last word is so far
};

/// bash cuts words at ":" too, and hands "localhost:7092" over in three: these are put together.
std::vector<std::string> JoinedAtColons(const std::vector<std::string>& words);

/// `words`: what stands after `jangada` up to the cursor; the last one, perhaps empty, is being
/// typed.
Candidates Complete(const Command& root, const std::vector<Option>& global_options,
                    const std::vector<std::string>& words);

/// Those that begin with `prefix`.
std::vector<std::string> StartingWith(const std::vector<std::string>& words,
                                      const std::string& prefix);

}  // namespace jangada::client
