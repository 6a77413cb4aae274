// Session: one connection of a Kafka client. One coroutine reads: it cuts frames and hands them to
// the dispatcher; the other writes the replies, in the order of their requests, as many at once as
// are ready. When too much of a connection, or of the node, is under way, the socket is not read.
// What cannot be served, garbage, silence and slowness close it. On its group's thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/kafka/call.h"
#include "server/kafka/frame_cutter.h"
#include "server/kafka/memory_budget.h"

namespace jangada::server::kafka {

class SessionGroup;

class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `group` outlives the coroutines. `address`: the peer's, without its port. `request_bytes`: of
  /// all clients of that address.
  Session(boost::asio::ip::tcp::socket socket, std::string address,
          std::shared_ptr<MemoryBudget> request_bytes, SessionGroup& group);

  void Start();
  /// Reads no more, and closes once everything that was read is answered.
  void Drain();
  void Close(const std::string& why);
  /// The same where the client did something that its owner should know of.
  void Refuse(const std::string& why);
  /// Closes if the peer is idle, or too slow. Called about once a second.
  void Sweep(int64_t now_us);

  const std::string& address() const { return address_; }

 private:
  /// A request that was read, in order, and its reply once it is there.
  struct Slot {
    BudgetShare request;
    std::optional<Reply> reply;
    size_t bytes() const;
  };

  boost::asio::awaitable<void> ReadLoop();
  boost::asio::awaitable<void> WriteLoop();
  boost::asio::awaitable<bool> Write(const std::vector<Slot>& slots);
  void OnLoopEnd();

  void ReadAvailable();
  void OnBytes(size_t bytes, size_t straight);
  void OnFrame(Bytes frame);
  void OnReply(uint64_t slot, Reply reply);
  bool MustPause();
  std::vector<Slot> TakeReady();

  // Constant after construction.
  const std::string address_;
  const std::shared_ptr<MemoryBudget> request_bytes_;
  SessionGroup& group_;
  const std::shared_ptr<Abandonment> gone_ = std::make_shared<Abandonment>();

  // The rest belongs to the group's thread.
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer reader_wake_;  // never expires: cancelled to wake
  boost::asio::steady_timer writer_wake_;
  FrameCutter cutter_;
  BudgetShare frame_share_;  // of the frame under way
  // 1. slots_[i] is request first_slot_ + i.
  std::deque<Slot> slots_;
  uint64_t first_slot_ = 0;
  size_t bytes_ = 0;  // of all slots, and of what is being written
  int running_loops_ = 0;
  bool closed_ = false;
  bool draining_ = false;
  bool writing_ = false;
  bool waiting_for_room_ = false;
  int64_t active_us_ = 0;       // the last time that anything was read or written
  int64_t frame_since_us_ = 0;  // of the frame under way
  int64_t still_since_us_ = 0;  // the last time that anything was read
  int64_t wrote_us_ = 0;        // ... or taken of a reply
};

}  // namespace jangada::server::kafka
