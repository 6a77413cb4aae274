// Frames of the Kafka protocol from a client's side: whole requests, and responses taken apart.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/kafka/protocol.h"

namespace jangada::server::kafka::testing {

inline std::string Join(const std::vector<Bytes>& pieces) {
  std::string all;
  for (const Bytes& piece : pieces) all += piece.view();
  return all;
}

/// A request with its length.
template <class Request>
std::string EncodeRequest(const Request& request, int16_t version, int32_t correlation_id = 7) {
  Writer writer;
  writer.WriteMessage(RequestHeader{.key = Request::kKey,
                                    .version = version,
                                    .correlation_id = correlation_id,
                                    .client_id = "test"});
  const bool flexible = version >= Request::kFlexibleSince;
  writer.SetVersion(version, flexible);
  if (flexible) writer.NoTags();
  writer.WriteMessage(request);
  return Join(writer.Finish());
}

/// From a response with its length.
inline int32_t CorrelationIdOf(const std::string& frame) {
  EXPECT_GE(frame.size(), 8u);
  return frame.size() < 8 ? -1 : LoadBig<int32_t>(frame.data() + 4);
}

template <class Request>
typename Request::Response DecodeResponse(const std::string& frame, int16_t version) {
  Reader reader(Bytes::Copy(std::string_view(frame).substr(8)));
  const bool flexible = version >= Request::kFlexibleSince;
  reader.SetVersion(version, flexible);
  constexpr int16_t kApiVersions = 18;  // whose header never is flexible
  if (flexible && Request::kKey != kApiVersions) reader.SkipTags();
  typename Request::Response response;
  reader.ReadMessage(response);
  EXPECT_TRUE(reader.ok()) << reader.Why();
  EXPECT_EQ(reader.remaining(), 0u);
  return response;
}

}  // namespace jangada::server::kafka::testing
