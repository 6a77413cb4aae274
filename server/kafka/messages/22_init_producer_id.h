// InitProducerId, key 22: the identity of an idempotent producer.
#pragma once

#include "server/kafka/messages/common.h"

namespace jangada::server::kafka {

struct InitProducerIdResponse {
  int32_t throttle_time_ms = 0;
  Code error_code = Code::kNone;
  int64_t producer_id = -1;
  int16_t producer_epoch = 0;
  static void Fields(auto& m, auto& v) {
    v(m.throttle_time_ms), v(m.error_code), v(m.producer_id), v(m.producer_epoch);
  }
};

struct InitProducerIdRequest {
  static constexpr int16_t kKey = 22;
  static constexpr int16_t kFlexibleSince = 2;
  using Response = InitProducerIdResponse;

  std::optional<std::string> transactional_id;
  int32_t transaction_timeout_ms = 0;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  static void Fields(auto& m, auto& v) {
    v(m.transactional_id, {.nullable_since = 0}), v(m.transaction_timeout_ms);
    v(m.producer_id, {.since = 3}), v(m.producer_epoch, {.since = 3});
  }
};

}  // namespace jangada::server::kafka
