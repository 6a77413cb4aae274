#include "client/cli/context.h"

#include <iostream>

namespace jangada::client {

Status Confirm(const Context& context, const std::string& question) {
  if (context.assume_yes || context.output.json || !StdinIsTerminal() || !context.output.progress) {
    return {};
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return Error{ErrorCode::kFailedPrecondition, "nothing was done; answer y, or give --yes"};
}

Status Answer(const Context& context, const std::string& json, const std::string& sentence) {
  return context.output.Print(context.output.json ? json : sentence + "\n");
}

std::string Shown(const TopicPartition& where) {
  return "partition " + std::to_string(where.partition) + " of " + where.topic;
}

}  // namespace jangada::client
