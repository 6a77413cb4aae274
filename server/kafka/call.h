// Call: one request under way, as its handler sees it: what it asks, and the way back. A handler
// takes it by value and ends it, at once or later and on any thread, by one of Answer,
// AnswerNothing and Close. A call that is dropped closes its connection: its client must not wait
// for ever.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "server/kafka/door.h"
#include "server/kafka/protocol.h"

namespace jangada::server::kafka {

/// What a request came to, for its connection.
struct Reply {
  std::vector<Bytes> frame;          // empty: nothing is sent
  std::optional<std::string> close;  // the connection is closed after it, and why
  BudgetShare held;                  // given back when the frame has left
};

/// A request that was cut from its connection and whose head was read.
struct Incoming {
  Door& door;
  size_t place = 0;      // of its key in Apis()
  int64_t began_us = 0;  // by the door's clock
  RequestHeader header;
  ResponseFormat format;
  Reader body;
  std::shared_ptr<const Abandonment> gone;  // set when the connection is closed
  Callback<Reply> done;
  std::string client_address;  // without its port; empty: not known
};

template <class Request>
class Call {
 public:
  using Response = typename Request::Response;

  Call(Incoming incoming, Request its_request)
      : request(std::move(its_request)),
        door_(&incoming.door),
        place_(incoming.place),
        began_us_(incoming.began_us),
        format_(incoming.format),
        gone_(std::move(incoming.gone)),
        client_id_(std::move(incoming.header.client_id).value_or("")),
        client_address_(std::move(incoming.client_address)),
        done_(std::move(incoming.done)) {}
  Call(Call&&) noexcept = default;
  Call& operator=(Call&&) = delete;
  ~Call() {
    if (done_) Close("a request was not answered");
  }

  Request request;

  Door& door() const { return *door_; }
  Broker& broker() const { return door_->broker; }
  int16_t version() const { return format_.version; }
  const std::shared_ptr<const Abandonment>& gone() const { return gone_; }
  /// What the client calls itself; empty: nothing.
  const std::string& client_id() const { return client_id_; }
  /// Where it is, as Kafka writes it.
  std::string client_host() const { return "/" + client_address_; }

  void Answer(const Response& response, BudgetShare held = {}) {
    EncodedResponse encoded = EncodeResponse(format_, response);
    Finish({.frame = std::move(encoded.frame), .close = {}, .held = std::move(held)},
           encoded.names_error);
  }
  /// For requests that want no response.
  void AnswerNothing() { Finish({}, false); }
  void Close(std::string why) { Finish({.close = std::move(why)}, true); }

 private:
  void Finish(Reply reply, bool in_error) {
    CHECK(done_);
    door_->meter.Ended(place_, door_->NowUs() - began_us_, in_error);
    std::exchange(done_, nullptr)(std::move(reply));
  }

  Door* door_;
  size_t place_;
  int64_t began_us_;
  ResponseFormat format_;
  std::shared_ptr<const Abandonment> gone_;
  std::string client_id_;
  std::string client_address_;
  Callback<Reply> done_;
};

}  // namespace jangada::server::kafka
