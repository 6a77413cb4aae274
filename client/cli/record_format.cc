#include "client/cli/record_format.h"

#include <utility>

#include "client/cli/values.h"

namespace jangada::client {
namespace {

constexpr std::string_view kFields = "kvoptTh";

/// The character that `\` and `escape` stand for; false if none.
bool Unescape(char escape, char* out) {
  switch (escape) {
    case 'n': *out = '\n'; return true;
    case 't': *out = '\t'; return true;
    case 'r': *out = '\r'; return true;
    case '0': *out = '\0'; return true;
    case '\\': *out = '\\'; return true;
    default: return false;
  }
}

void AppendHeaders(std::string* out, const std::vector<RecordHeader>& headers) {
  bool first = true;
  for (const RecordHeader& header : headers) {
    if (!first) *out += ',';
    first = false;
    *out += header.key + "=" + header.value.value_or("");
  }
}

}  // namespace

Result<RecordFormat> RecordFormat::Parse(std::string_view format) {
  RecordFormat parsed;
  std::string text;
  const auto refuse = [](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, "'" + std::string(what) +
                                                  "' means nothing in a format; use %k %v %o %p %t "
                                                  "%T %h %% \\n \\t \\r \\0 \\\\"};
  };
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' && format[i] != '\\') {
      text += format[i];
      continue;
    }
    const std::string_view pair = format.substr(i, 2);
    if (pair.size() < 2) return refuse(pair);
    ++i;
    char plain = 0;
    if (pair == "%%") {
      text += '%';
    } else if (pair[0] == '\\') {
      if (!Unescape(pair[1], &plain)) return refuse(pair);
      text += plain;
    } else if (kFields.find(pair[1]) == std::string_view::npos) {
      return refuse(pair);
    } else {
      if (!text.empty()) parsed.pieces_.push_back({0, std::exchange(text, {})});
      parsed.pieces_.push_back({pair[1], {}});
    }
  }
  if (!text.empty()) parsed.pieces_.push_back({0, std::move(text)});
  return parsed;
}

void RecordFormat::Append(std::string* out, int32_t partition, const Record& record) const {
  for (const Piece& piece : pieces_) {
    switch (piece.field) {
      case 'k': out->append(record.key.value_or("")); break;
      case 'v':
        if (record.value.has_value()) out->append(*record.value);
        break;
      case 'o': out->append(std::to_string(record.offset)); break;
      case 'p': out->append(std::to_string(partition)); break;
      case 't': out->append(std::to_string(record.timestamp_ms)); break;
      case 'T': out->append(TimeText(record.timestamp_ms)); break;
      case 'h': AppendHeaders(out, record.headers); break;
      default: out->append(piece.text);
    }
  }
}

}  // namespace jangada::client
