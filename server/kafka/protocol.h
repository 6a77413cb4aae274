// The head of every request and response, and whole response frames. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/kafka/codec.h"

namespace jangada::server::kafka {

/// Read as it is in every version; from the flexible versions of a request on, tagged fields
/// follow.
struct RequestHeader {
  int16_t key = -1;
  int16_t version = -1;
  int32_t correlation_id = 0;
  std::optional<std::string> client_id;
  static void Fields(auto& m, auto& v) {
    v(m.key), v(m.version), v(m.correlation_id), v(m.client_id, {.nullable_since = 0});
  }
};

/// How a response is to be written.
struct ResponseFormat {
  int32_t correlation_id = 0;
  int16_t version = 0;
  bool flexible = false;
  bool flexible_header = false;  // that of ApiVersions never is
};

struct EncodedResponse {
  std::vector<Bytes> frame;
  bool names_error = false;  // somewhere in it, of one partition perhaps
};

template <class Response>
EncodedResponse EncodeResponse(const ResponseFormat& format, const Response& response) {
  Writer writer;
  writer(format.correlation_id);
  writer.SetVersion(format.version, format.flexible);
  if (format.flexible_header) writer.NoTags();
  writer.WriteMessage(response);
  const bool names_error = writer.wrote_error();
  return {.frame = writer.Finish(), .names_error = names_error};
}

}  // namespace jangada::server::kafka
