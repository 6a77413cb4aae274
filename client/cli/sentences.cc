#include "client/cli/sentences.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "client/cli/suggest.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

/// What looking for a better name may cost.
constexpr int64_t kSuggestTimeoutMs = 1'000;

/// The topics that were named on the command line.
std::vector<std::string> TopicsNamed(const Command& command) {
  std::vector<std::string> topics;
  for (const Option& argument : command.arguments) {
    if (argument.completion != Completion::kTopics) continue;
    if (const auto* one = std::get_if<std::string*>(&argument.target)) topics.push_back(**one);
    if (const auto* many = std::get_if<std::vector<std::string>*>(&argument.target)) {
      topics.insert(topics.end(), (*many)->begin(), (*many)->end());
    }
  }
  return topics;
}

bool SaysWhatToDo(const std::string& message) {
  for (const char* word : {"; ", ": ", "?", "--"}) {
    if (message.find(word) != std::string::npos) return true;
  }
  return false;
}

Error UnknownTopic(const Error& error, const Command& command, const Context& context) {
  const std::vector<std::string> names = TopicNames(context.client, kSuggestTimeoutMs);
  for (const std::string& topic : TopicsNamed(command)) {
    if (std::find(names.begin(), names.end(), topic) != names.end()) continue;
    return {error.code, "there is no topic '" + topic + "'" +
                            DidYouMean(topic, names, "; `jangada topic list` shows what there is")};
  }
  // A partition of it is unknown, and the sentence says so.
  if (SaysWhatToDo(error.message)) return error;
  return {error.code, Sentence(error.message) + "; `jangada partition list` shows what there is"};
}

/// Perhaps something answers there that is no gRPC server.
bool IsStranger(const std::string& message) {
  return message.find("http1.x") != std::string::npos ||
         message.find("Socket closed") != std::string::npos;
}

/// gRPC tells the story of every attempt; a person needs its end: "Connection refused".
Error Unreachable(const Error& error, const Context& context) {
  std::string message = error.message;
  const size_t open = message.find(" (");
  const size_t close = message.rfind(')');
  if (open != std::string::npos && close != std::string::npos && open < close) {
    const std::string story = message.substr(open + 2, close - open - 2);
    const size_t last = story.rfind(": ");
    message = message.substr(0, open) + " (" +
              (last == std::string::npos ? story : story.substr(last + 2)) + ")";
  }
  return {error.code, message +
                          (IsStranger(message) ? "; is it a node's gRPC port (7092 unless "
                                                 "configured otherwise), and does the node run?"
                                               : "; start it, or name others with -b") +
                          "; asked: " + Joined(context.connection.bootstrap, ",") + " (" +
                          context.connection.because + ")"};
}

}  // namespace

std::string Sentence(std::string message) {
  for (char& c : message) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  while (!message.empty() && (message.back() == '.' || message.back() == ' ')) message.pop_back();
  const bool is_word = message.size() > 1 && std::islower(static_cast<unsigned char>(message[1]));
  const bool single = message.size() > 1 && message[1] == ' ';  // "A topic"
  if (is_word || single) {
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  }
  return message;
}

Error WithNextStep(const Error& error, const Command& command, const Context& context) {
  switch (error.code) {
    case ErrorCode::kUnknownTopic: return UnknownTopic(error, command, context);
    case ErrorCode::kUnavailable:
      return error.message.find("can't be reached") == std::string::npos
                 ? error
                 : Unreachable(error, context);
    case ErrorCode::kTimeout:
      if (SaysWhatToDo(error.message)) return error;
      return {error.code, Sentence(error.message) +
                              "; give it longer with --timeout, or look with `jangada cluster "
                              "status`"};
    default: return error;
  }
}

std::vector<std::string> TopicNames(Client& client, int64_t timeout_ms) {
  std::vector<std::string> names;
  const auto topics = client.ListTopics(timeout_ms);
  if (!topics.ok()) return names;
  for (const TopicEntry& topic : *topics) names.push_back(topic.name);
  return names;
}

std::string VersionText() { return "jangada " JANGADA_VERSION "\n"; }

}  // namespace jangada::client
