// InitProducerId, key 22, v0 to v4: a new identity for an idempotent producer, on any node. A
// producer that brings the one it had (v3 on) gets a new one all the same, as with Kafka: without a
// transactional id nobody else can have it. There are no transactions: a transactional id is
// refused.
#include <memory>

#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleInitProducerId(Call<InitProducerIdRequest> call) {
  if (call.request.transactional_id) return call.Answer({.error_code = Code::kInvalidRequest});
  Broker& broker = call.broker();
  broker.InitProducer([call = std::move(call)](const Result<ProducerIdentity>& made) mutable {
    if (!made.ok()) {
      // Clients try again after these; any other code is final to them.
      const bool passes =
          made.error().code == ErrorCode::kUnavailable || made.error().code == ErrorCode::kTimeout;
      return call.Answer(
          {.error_code = passes ? Code::kRequestTimedOut : AdminCodeOf(made.error().code)});
    }
    call.Answer({.producer_id = made->producer_id, .producer_epoch = made->epoch});
  });
}

}  // namespace jangada::server::kafka
