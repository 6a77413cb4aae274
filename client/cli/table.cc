#include "client/cli/table.h"

#include <algorithm>

#include "base/check.h"

namespace jangada::client {
namespace {

const char* EscapeOf(Tone tone) {
  switch (tone) {
    case Tone::kPlain: return "";
    case Tone::kGood: return "\x1b[32m";
    case Tone::kWarning: return "\x1b[33m";
    case Tone::kBad: return "\x1b[1;31m";
    case Tone::kHeading: return "\x1b[1m";
  }
  return "";
}

/// How many places it takes on a terminal: letters of UTF-8, not bytes.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string Colored(const std::string& text, Tone tone) {
  return tone == Tone::kPlain ? text : EscapeOf(tone) + text + "\x1b[0m";
}

Table::Table(const std::vector<std::string>& header) {
  std::vector<Cell> cells;
  for (const std::string& name : header) cells.emplace_back(name, Tone::kHeading);
  rows_.push_back(std::move(cells));
}

void Table::Add(std::vector<Cell> row) {
  CHECK_EQ(row.size(), rows_.front().size());
  for (Cell& cell : row) {
    if (cell.text.empty()) cell.text = "-";
  }
  rows_.push_back(std::move(row));
}

std::string Table::ToString(bool color) const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i].text));
  }
  std::string out;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += color ? Colored(row[i].text, row[i].tone) : row[i].text;
      if (i + 1 < row.size()) out.append(widths[i] - WidthOf(row[i].text) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace jangada::client
