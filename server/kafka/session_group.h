// SessionGroup: the connections that live on one io_context, with what they share there: the
// scratch buffer that they read into, and the clock that sweeps them. On that io_context's thread,
// but for the constructor, Post and the accessors of constant things.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/kafka/dispatcher.h"
#include "server/kafka/listener.h"
#include "server/kafka/mailbox.h"
#include "server/kafka/memory_budget.h"
#include "server/kafka/session.h"

namespace jangada::server::kafka {

class SessionGroup {
 public:
  struct Context {  // all outlive the group's connections
    boost::asio::io_context& io;
    Dispatcher& dispatcher;
    const ListenerOptions& options;
  };

  /// `on_ended(address)`: a connection is gone; on the io_context's thread.
  SessionGroup(const Context& context, std::function<void(const std::string&)> on_ended);

  /// Runs `task` on the io_context's thread. Any thread.
  void Post(Callback<> task) { mailbox_->Post(std::move(task)); }
  boost::asio::io_context& io() const { return context_.io; }
  /// After it nothing of the group touches the io_context. REQUIRES: no connections. Any thread.
  void Close() { mailbox_->Close(); }

  /// `request_bytes`: of all clients of that address.
  void Add(boost::asio::ip::tcp::socket socket, std::string address,
           std::shared_ptr<MemoryBudget> request_bytes);
  /// Connections end once what they asked is answered.
  void Drain();
  void CloseAll(const std::string& why);

  // ---- for its sessions ----
  const ListenerOptions& options() const { return context_.options; }
  Dispatcher& dispatcher() const { return context_.dispatcher; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  std::vector<char>& scratch() { return scratch_; }
  int64_t NowUs() const { return context_.dispatcher.door().NowUs(); }
  void OnEnded(Session& session);
  void LogRefused(const std::string& address, const std::string& why);

 private:
  void ArmSweep();

  // Constant after construction.
  const Context context_;
  const std::function<void(const std::string&)> on_ended_;
  const std::shared_ptr<Mailbox> mailbox_;

  std::vector<char> scratch_;
  boost::asio::steady_timer sweep_;
  bool sweep_armed_ = false;
  std::map<Session*, std::shared_ptr<Session>> sessions_;
  int64_t log_window_us_ = 0;  // when the present second of log lines began
  int logged_ = 0;             // ... and how many there were
};

}  // namespace jangada::server::kafka
