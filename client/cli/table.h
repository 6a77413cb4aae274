// Table: rows of words in aligned columns, for people and for awk; on a terminal with colours.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace jangada::client {

enum class Tone { kPlain, kGood, kWarning, kBad, kHeading };

/// `text` in the tone's colour.
std::string Colored(const std::string& text, Tone tone);

class Table {
 public:
  struct Cell {
    Cell(std::string its_text, Tone its_tone = Tone::kPlain)  // NOLINT(google-explicit-constructor)
        : text(std::move(its_text)), tone(its_tone) {}
    Cell(const char* its_text) : text(its_text) {}          // NOLINT
    Cell(int64_t number) : text(std::to_string(number)) {}  // NOLINT
    std::string text;
    Tone tone = Tone::kPlain;
  };

  explicit Table(const std::vector<std::string>& header);

  /// REQUIRES: as many cells as the header has. An empty cell is shown as "-", so that columns can
  /// be counted.
  void Add(std::vector<Cell> row);

  size_t rows() const { return rows_.size() - 1; }

  /// A line per row, the header first; columns two spaces apart.
  std::string ToString(bool color = false) const;

 private:
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace jangada::client
