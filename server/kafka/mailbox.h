// Mailbox: tasks from any thread for the thread of one io_context, until it is closed; what comes
// later is dropped. Many tasks at once cost one wake-up. The mailbox may outlive the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/callback.h"

namespace jangada::server::kafka {

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  /// Until Close returns, `io` must be there.
  explicit Mailbox(boost::asio::io_context& io) : io_(io) {}

  void Post(Callback<> task) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    tasks_.push_back(std::move(task));
    if (tasks_.size() > 1) return;  // the wake-up is under way
    boost::asio::post(io_, [self = shared_from_this()] { self->RunAll(); });
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  /// What was not run yet is dropped too.
  void Close() {
    std::vector<Callback<>> dropped;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(tasks_);
  }

 private:
  void RunAll() {
    std::vector<Callback<>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (Callback<>& task : tasks) task();
  }

  boost::asio::io_context& io_;  // touched only while not closed
  mutable std::mutex mutex_;
  bool closed_ = false;            // guarded by mutex_
  std::vector<Callback<>> tasks_;  // guarded by mutex_
};

}  // namespace jangada::server::kafka
