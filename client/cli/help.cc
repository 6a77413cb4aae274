#include "client/cli/help.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

constexpr size_t kWidth = 92;
constexpr size_t kMaxNameColumn = 28;

/// Two columns: what it is called, what it is.
using Rows = std::vector<std::pair<std::string, std::string>>;

std::string Section(const std::string& title, const Rows& rows) {
  if (rows.empty()) return "";
  size_t column = 0;
  for (const auto& [name, text] : rows) {
    if (name.size() <= kMaxNameColumn) column = std::max(column, name.size());
  }
  column += 4;  // two blanks before and after
  std::string out = "\n" + title + ":\n";
  for (const auto& [name, text] : rows) {
    std::string line = "  " + name;
    if (line.size() + 2 > column) {
      out += line + "\n" + std::string(column, ' ');
    } else {
      out += line + std::string(column - line.size(), ' ');
    }
    out += Wrapped(text, column, kWidth) + "\n";
  }
  return out;
}

Rows RowsOf(const std::vector<Option>& options) {
  Rows rows;
  for (const Option& option : options) {
    std::string text = option.help;
    if (!option.one_of.empty()) text += ": " + Joined(option.one_of, ", ");
    const std::string otherwise = DefaultOf(option);
    if (!otherwise.empty()) text += " (default: " + otherwise + ")";
    rows.emplace_back(Shown(option), text);
  }
  return rows;
}

std::string Examples(const Command& command) {
  if (command.examples.empty()) return "";
  std::string out = "\nExamples:\n";
  for (const Example& example : command.examples) {
    if (!example.what.empty()) out += "  # " + example.what + "\n";
    out += "  " + example.line + "\n";
  }
  return out;
}

std::string Indented(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) out += "  " + line + "\n";
  return out;
}

std::string ExitCodeLine() {
  std::string line = "Exit codes: ";
  for (const ExitCodeRow& row : ExitCodes()) {
    line += (row.code == "0" ? "" : ", ") + row.code + " " + row.name;
  }
  return "\n" + Wrapped(line, 0, kWidth) + "\n";
}

Rows CommandRows(const Command& group) {
  Rows rows;
  for (const Command& command : group.commands) {
    if (!command.is_hidden()) rows.emplace_back(command.name, command.about);
  }
  return rows;
}

}  // namespace

std::string Wrapped(const std::string& text, size_t indent, size_t width) {
  std::istringstream words(text);
  std::string out;
  size_t column = indent;
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string UsageOf(const Command& command, const std::string& path) {
  std::string usage = path.empty() ? "jangada" : "jangada " + path;
  if (command.is_group()) return usage + " COMMAND ...";
  for (const Option& argument : command.arguments) {
    const std::string name = argument.names + (IsList(argument) ? "..." : "");
    usage += argument.required ? " " + name : " [" + name + "]";
  }
  for (const Option& option : command.options) {
    if (option.required) usage += " " + Shown(option);
  }
  return usage + " [options]";
}

std::string HelpOf(const Command& command, const std::string& path,
                   const std::vector<Option>& global_options) {
  std::string out = command.about + ".\n";
  if (!command.more.empty()) out += "\n" + Wrapped(command.more, 0, kWidth) + "\n";
  out += "\nUsage: " + UsageOf(command, path) + "\n";
  out += Section("Commands", CommandRows(command));
  out += Section("Arguments", RowsOf(command.arguments));
  out += Section("Options", RowsOf(command.options));
  out += Section("Options of every command, before or after it", RowsOf(global_options));
  out += Examples(command);
  if (!command.json.empty()) out += "\nPrints with -o json:\n" + Indented(command.json);
  if (!path.empty()) return out + ExitCodeLine();
  Rows codes;
  for (const ExitCodeRow& row : ExitCodes()) {
    codes.emplace_back(row.code, row.name + ": " + row.meaning);
  }
  return out + Section("Exit codes", codes);
}

}  // namespace jangada::client
