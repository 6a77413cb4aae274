// Table: rows of words in aligned columns, for the terminal and for awk. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace jangada::client {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  /// REQUIRES: as many cells as the header has. An empty cell is shown as "-", so that columns can
  /// be counted.
  void Add(std::vector<std::string> row);

  /// A line per row, the header first; columns two spaces apart.
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "1,2,3"
std::string JoinNumbers(const std::vector<int32_t>& numbers);

}  // namespace jangada::client
