#include "server/kafka/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <limits>
#include <span>
#include <utility>

#include "server/kafka/session_group.h"

namespace jangada::server::kafka {
namespace {

namespace asio = boost::asio;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
using boost::system::error_code;

/// Reads of one connection before the others of its thread get their turn.
constexpr int kReadsInARow = 4;
/// Replies that leave in one write.
constexpr size_t kWriteBytes = 1 << 20;

}  // namespace

size_t Session::Slot::bytes() const {
  size_t total = request.bytes();
  if (reply) {
    for (const Bytes& piece : reply->frame) total += piece.size();
  }
  return total;
}

Session::Session(asio::ip::tcp::socket socket, std::string address,
                 std::shared_ptr<MemoryBudget> request_bytes, SessionGroup& group)
    : address_(std::move(address)),
      request_bytes_(std::move(request_bytes)),
      group_(group),
      socket_(std::move(socket)),
      reader_wake_(socket_.get_executor(), asio::steady_timer::time_point::max()),
      writer_wake_(socket_.get_executor(), asio::steady_timer::time_point::max()),
      cutter_(group.options().max_request_bytes),
      active_us_(group.NowUs()) {}

void Session::Start() {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  running_loops_ = 2;
  const auto on_end = [self = shared_from_this()](const std::exception_ptr& thrown) {
    CHECK(thrown == nullptr);
    self->OnLoopEnd();
  };
  asio::co_spawn(socket_.get_executor(), ReadLoop(), on_end);
  asio::co_spawn(socket_.get_executor(), WriteLoop(), on_end);
}

void Session::OnLoopEnd() {
  if (--running_loops_ == 0) group_.OnEnded(*this);
}

void Session::Refuse(const std::string& why) {
  if (!closed_) group_.LogRefused(address_, why);
  Close(why);
}

void Session::Close(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  spdlog::debug("closed kafka connection address={} reason=\"{}\"", address_, why);
  gone_->Set();
  error_code ignored;
  socket_.close(ignored);
  reader_wake_.cancel();
  writer_wake_.cancel();
  slots_.clear();
  frame_share_ = {};
}

void Session::Drain() {
  draining_ = true;
  if (slots_.empty() && !writing_) return Close("the node stops");
  reader_wake_.cancel();
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_receive, ignored);
}

void Session::Sweep(int64_t now_us) {
  const ListenerOptions& options = group_.options();
  if (writing_ && now_us - wrote_us_ > options.slow_peer_us) {
    return Close("the peer takes no replies");
  }
  if (cutter_.in_frame()) {
    const int64_t allowed_us = options.slow_peer_us + static_cast<int64_t>(cutter_.frame_bytes()) *
                                                          1'000'000 / kKafkaSlowestBytesPerSecond;
    if (now_us - frame_since_us_ > allowed_us) return Close("a request came too slowly");
    if (now_us - still_since_us_ > options.stalled_us && request_bytes_->full()) {
      Refuse("it stopped in the middle of a request, and there was no room for others");
    }
    return;
  }
  if (!writing_ && slots_.empty() && now_us - active_us_ > options.idle_timeout_us) Close("idle");
}

// ---- reading ----

asio::awaitable<void> Session::ReadLoop() {
  while (!closed_ && !draining_) {
    if (MustPause()) {
      co_await reader_wake_.async_wait(kAwait);
      continue;
    }
    // No memory is held for a connection that says nothing: first it becomes readable.
    const auto [error] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, kAwait);
    if (error) Close("the connection failed: " + error.message());
    if (!closed_ && !draining_) ReadAvailable();
  }
}

void Session::ReadAvailable() {
  for (int i = 0; i < kReadsInARow && !closed_; ++i) {
    // Without room the frame under way is finished and no other begun: a read that went on into the
    // next one would leave its connection in the middle of a frame for ever, never to pause.
    const bool full = cutter_.in_frame() && request_bytes_->full();
    const size_t most = full ? cutter_.missing() : std::numeric_limits<size_t>::max();
    const std::span<char> space = cutter_.Space();
    const size_t straight = std::min(space.size(), most);
    const std::array<asio::mutable_buffer, 2> buffers = {
        asio::buffer(space.data(), straight), asio::buffer(group_.scratch(), most - straight)};
    error_code error;
    const size_t bytes = socket_.read_some(buffers, error);
    if (error == asio::error::would_block) return;
    if (error == asio::error::eof) return Close("the peer ended it");
    if (error) return Close("the connection failed: " + error.message());
    OnBytes(bytes, std::min(bytes, straight));
    if (closed_ || bytes < asio::buffer_size(buffers) || MustPause()) return;
  }
}

/// The first `straight` bytes lie in the frame under way already, the rest in the scratch buffer.
void Session::OnBytes(size_t bytes, size_t straight) {
  active_us_ = still_since_us_ = group_.NowUs();
  if (!cutter_.in_frame()) frame_since_us_ = active_us_;
  if (straight > 0) cutter_.OnFilled(straight);
  cutter_.Append({group_.scratch().data(), bytes - straight});
  while (std::optional<Bytes> frame = cutter_.Next()) {
    frame_since_us_ = active_us_;
    OnFrame(*std::move(frame));
  }
  if (cutter_.failure()) return Refuse(*cutter_.failure());
  if (cutter_.held_bytes() != frame_share_.bytes()) {
    frame_share_ = {};
    request_bytes_->Take(cutter_.held_bytes());
    frame_share_ = BudgetShare(*request_bytes_, cutter_.held_bytes());
  }
}

void Session::OnFrame(Bytes frame) {
  const uint64_t slot = first_slot_ + slots_.size();
  request_bytes_->Take(frame.size());
  slots_.push_back({.request = BudgetShare(*request_bytes_, frame.size())});
  bytes_ += frame.size();
  const bool parks = group_.dispatcher().Dispatch(
      std::move(frame), gone_,
      [mailbox = group_.mailbox(), self = weak_from_this(), slot](Reply reply) mutable {
        mailbox->Post([self = std::move(self), slot, reply = std::move(reply)]() mutable {
          if (const auto session = self.lock()) session->OnReply(slot, std::move(reply));
        });
      },
      address_);
  if (!parks) return;
  // Answers come through the mailbox, so that it still waits. Whoever parks large requests must not
  // keep the others' from being read.
  Slot& waiting = slots_[slot - first_slot_];
  bytes_ -= waiting.bytes();
  waiting.request = {};
}

bool Session::MustPause() {
  if (slots_.size() >= kMaxKafkaRequestsInFlight || bytes_ >= kMaxKafkaConnectionBytes) return true;
  if (waiting_for_room_) return true;
  // Whoever is in the middle of a frame may finish it.
  waiting_for_room_ = !request_bytes_->HasRoom(
      cutter_.in_frame(), [mailbox = group_.mailbox(), self = weak_from_this()] {
        mailbox->Post([self] {
          const auto session = self.lock();
          if (session == nullptr) return;
          session->waiting_for_room_ = false;
          session->reader_wake_.cancel();
        });
      });
  return waiting_for_room_;
}

// ---- writing ----

void Session::OnReply(uint64_t slot, Reply reply) {
  if (closed_) return;
  Slot& waiting = slots_[slot - first_slot_];
  bytes_ -= waiting.bytes();
  waiting.reply = std::move(reply);
  bytes_ += waiting.bytes();
  if (slot == first_slot_) writer_wake_.cancel();
}

asio::awaitable<void> Session::WriteLoop() {
  while (!closed_) {
    const std::vector<Slot> ready = TakeReady();
    if (ready.empty()) {
      if (draining_ && slots_.empty()) Close("the node stops");
      if (!closed_) co_await writer_wake_.async_wait(kAwait);
      continue;
    }
    if (!co_await Write(ready)) co_return;
    for (const Slot& slot : ready) bytes_ -= slot.bytes();
    if (ready.back().reply->close) Refuse(*ready.back().reply->close);
    reader_wake_.cancel();  // there may be room again
  }
}

/// What stands at the front with its reply. A reply that closes is the last one.
std::vector<Session::Slot> Session::TakeReady() {
  std::vector<Slot> ready;
  size_t bytes = 0;
  while (!slots_.empty() && slots_.front().reply && bytes < kWriteBytes) {
    ready.push_back(std::move(slots_.front()));
    slots_.pop_front();
    ++first_slot_;
    bytes += ready.back().bytes();
    if (ready.back().reply->close) break;
  }
  return ready;
}

/// False: the connection is closed.
asio::awaitable<bool> Session::Write(const std::vector<Slot>& slots) {
  std::vector<asio::const_buffer> buffers;
  for (const Slot& slot : slots) {
    for (const Bytes& piece : slot.reply->frame) buffers.emplace_back(piece.data(), piece.size());
  }
  if (buffers.empty()) co_return true;
  active_us_ = wrote_us_ = group_.NowUs();
  writing_ = true;
  const auto on_progress = [this](const error_code& error, size_t) -> size_t {
    active_us_ = wrote_us_ = group_.NowUs();
    return error ? 0 : kWriteBytes;
  };
  const auto [error, bytes] = co_await asio::async_write(socket_, buffers, on_progress, kAwait);
  writing_ = false;
  if (error) Close("the connection failed: " + error.message());
  co_return !closed_;
}

}  // namespace jangada::server::kafka
