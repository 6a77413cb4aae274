#include "client/cli/completion.h"

#include <algorithm>

namespace jangada::client {
namespace {

/// A place on the command line, behind the words before it.
struct Place {
  const Command* command = nullptr;
  const Option* awaits_value = nullptr;  // an option stands before it
  size_t arguments = 0;                  // that were given
  bool only_arguments = false;           // "--" was given
};

const Command* FindIn(const Command& group, const std::string& word) {
  for (const Command& command : group.commands) {
    if (command.name == word) return &command;
  }
  return nullptr;
}

void Step(const std::string& word, const std::vector<Option>& global_options, Place* place) {
  if (place->awaits_value != nullptr) {
    // "--output=ta": bash cuts words at "=", and hands over the three pieces.
    if (word != "=") place->awaits_value = nullptr;
    return;
  }
  if (word == "--") {
    place->only_arguments = true;
  } else if (word.starts_with('-') && word.size() > 1 && !place->only_arguments) {
    const Option* option = FindOption(place->command->options, word);
    if (option == nullptr) option = FindOption(global_options, word);
    const bool is_whole = option != nullptr && (word.starts_with("--") || word.size() == 2);
    if (is_whole && !IsFlag(*option) && word.find('=') == std::string::npos) {
      place->awaits_value = option;
    }
  } else if (place->command->is_group()) {
    const Command* next = FindIn(*place->command, word);
    if (next != nullptr) place->command = next;
  } else {
    ++place->arguments;
  }
}

void OfferValues(const Option& option, Candidates* candidates) {
  candidates->words = option.one_of;
  candidates->dynamic = option.completion;
}

void OfferOptions(const std::vector<Option>& options, std::vector<std::string>* words) {
  for (const Option& option : options) words->push_back(NamesOf(option).back());
}

void OfferHere(const Place& place, const std::vector<Option>& global_options,
               Candidates* candidates) {
  const Command& command = *place.command;
  if (place.awaits_value != nullptr) return OfferValues(*place.awaits_value, candidates);
  if (candidates->prefix.starts_with('-') && !place.only_arguments) {
    OfferOptions(command.options, &candidates->words);
    OfferOptions(global_options, &candidates->words);
    return;
  }
  for (const Command& sub : command.commands) {
    if (!sub.is_hidden()) candidates->words.push_back(sub.name);
  }
  if (command.arguments.empty()) return;
  const size_t at = std::min(place.arguments, command.arguments.size() - 1);
  const Option& argument = command.arguments[at];
  if (place.arguments == at || IsList(argument)) OfferValues(argument, candidates);
}

}  // namespace

std::string BashScript() {
  // clang-format off
  return R"sh(# Completion of jangada for bash. For this shell: source <(jangada completion bash)
# For good: jangada completion bash >~/.local/share/bash-completion/completions/jangada
_jangada() {
  local candidates
  candidates="$("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" || return
  COMPREPLY=()
  if [[ "$candidates" == :files ]]; then
    compopt -o default
  elif [[ -n "$candidates" ]]; then
    mapfile -t COMPREPLY <<<"$candidates"
  fi
}
complete -F _jangada jangada
)sh";
  // clang-format on
}

std::vector<std::string> JoinedAtColons(const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  bool goes_on = false;
  for (const std::string& word : words) {
    const bool is_colon = word == ":";
    if ((is_colon || goes_on) && !joined.empty()) {
      joined.back() += word;
    } else {
      joined.push_back(word);
    }
    goes_on = is_colon;
  }
  return joined;
}

std::vector<std::string> StartingWith(const std::vector<std::string>& words,
                                      const std::string& prefix) {
  std::vector<std::string> found;
  std::copy_if(words.begin(), words.end(), std::back_inserter(found),
               [&](const std::string& word) { return word.starts_with(prefix); });
  return found;
}

Candidates Complete(const Command& root, const std::vector<Option>& global_options,
                    const std::vector<std::string>& words) {
  Candidates candidates;
  if (words.empty()) return candidates;
  Place place{.command = &root};
  for (size_t i = 0; i + 1 < words.size(); ++i) Step(words[i], global_options, &place);
  candidates.prefix = words.back();
  if (candidates.prefix == "=" && place.awaits_value != nullptr) candidates.prefix.clear();
  OfferHere(place, global_options, &candidates);
  candidates.words = StartingWith(candidates.words, candidates.prefix);
  return candidates;
}

}  // namespace jangada::client
