// What is said on stderr: an error's sentence in one voice, with the next step in it.
#pragma once

#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/context.h"

namespace jangada::client {

/// Nodes end their sentences with a full stop and begin them with a capital; behind "jangada: "
/// they do neither. One line.
std::string Sentence(std::string message);

/// The error with what to do about it: the topic that was probably meant, the nodes that were
/// asked.
Error WithNextStep(const Error& error, const Command& command, const Context& context);

/// The names of all topics, or none if nobody answers in time.
std::vector<std::string> TopicNames(Client& client, int64_t timeout_ms);

/// "jangada 0.1.0"
std::string VersionText();

}  // namespace jangada::client
