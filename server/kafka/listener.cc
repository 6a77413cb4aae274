#include "server/kafka/listener.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <utility>

#include "server/kafka/dispatcher.h"
#include "server/kafka/session_group.h"

namespace jangada::server::kafka {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
/// Before the next try when there are no file descriptors left.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

struct Listener::Impl {
  Impl(Dispatcher& dispatcher, const ListenerOptions& options_in,
       const std::vector<asio::io_context*>& ios)
      : options(options_in), acceptor(*ios.front()), pause(*ios.front()) {
    for (asio::io_context* io : ios) {
      groups.push_back(std::make_unique<SessionGroup>(
          SessionGroup::Context{.io = *io, .dispatcher = dispatcher, .options = options},
          [this](const std::string& address) { Leave(address); }));
    }
  }

  asio::awaitable<void> AcceptLoop();
  void OnAccepted(tcp::socket socket, SessionGroup& group);
  /// Counts a connection; nullptr, and nothing is counted, beyond the limits. Else what the clients
  /// of that address may hold together.
  std::shared_ptr<MemoryBudget> Enter(const std::string& address);
  void Leave(const std::string& address);
  bool AwaitNobody(int64_t grace_us);

  const ListenerOptions options;
  MemoryBudget request_bytes{
      options.max_request_bytes_in_flight,
      std::max(options.max_request_bytes_in_flight, options.max_request_bytes)};
  std::vector<std::unique_ptr<SessionGroup>> groups;
  bool started = false;
  bool stopped = false;

  // The first io_context's thread.
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  bool closed = options.starts_closed;
  size_t turn = 0;

  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  int64_t connections = 0;
  int64_t refused = 0;
  struct Address {
    int64_t connections = 0;
    std::shared_ptr<MemoryBudget> request_bytes;
  };
  std::map<std::string, Address> by_address;
  bool accepting = false;
};

asio::awaitable<void> Listener::Impl::AcceptLoop() {
  while (closed && acceptor.is_open()) {
    pause.expires_at(asio::steady_timer::time_point::max());
    co_await pause.async_wait(kAwait);
  }
  while (acceptor.is_open()) {
    SessionGroup& group = *groups[turn++ % groups.size()];
    auto [error, socket] = co_await acceptor.async_accept(group.io(), kAwait);
    if (!acceptor.is_open()) break;
    if (!error) {
      OnAccepted(std::move(socket), group);
      continue;
    }
    if (error == asio::error::connection_aborted) continue;
    spdlog::warn("cannot take a kafka connection reason=\"{}\"", error.message());
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(kAwait);
  }
}

void Listener::Impl::OnAccepted(tcp::socket socket, SessionGroup& group) {
  error_code error;
  const std::string address = socket.remote_endpoint(error).address().to_string();
  std::shared_ptr<MemoryBudget> budget = error ? nullptr : Enter(address);
  if (budget == nullptr) return;  // the socket closes
  // Shared only because a task must be there until it runs; it is moved out once.
  auto handed_over = std::make_unique<tcp::socket>(std::move(socket));
  group.Post([&group, address, budget = std::move(budget),
              handed_over = std::move(handed_over)]() mutable {
    group.Add(std::move(*handed_over), address, std::move(budget));
  });
}

std::shared_ptr<MemoryBudget> Listener::Impl::Enter(const std::string& address) {
  const std::lock_guard lock(mutex);
  const auto known = by_address.find(address);
  const int64_t from_there = known == by_address.end() ? 0 : known->second.connections;
  const bool room =
      connections < options.max_connections && from_there < options.max_connections_per_address;
  if (!room) {
    // The first of a row is worth a line; a herd of them is not.
    if (refused++ == 0) {
      spdlog::warn("too many kafka connections, refusing more address={} connections={} there={}",
                   address, connections, from_there);
    }
    return nullptr;
  }
  refused = 0;
  ++connections;
  Address& there = by_address[address];
  ++there.connections;
  if (there.request_bytes == nullptr) {
    const size_t limit = options.max_request_bytes_in_flight / kKafkaAddressShare;
    there.request_bytes = std::make_shared<MemoryBudget>(
        limit, std::max(limit, options.max_request_bytes), &request_bytes);
  }
  return there.request_bytes;
}

void Listener::Impl::Leave(const std::string& address) {
  const std::lock_guard lock(mutex);
  --connections;
  const auto there = by_address.find(address);
  if (--there->second.connections == 0) by_address.erase(there);
  changed.notify_all();
}

/// False: somebody is still there when the time is up.
bool Listener::Impl::AwaitNobody(int64_t grace_us) {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, std::chrono::microseconds(grace_us),
                          [this] { return connections == 0 && !accepting; });
}

Listener::Listener(Dispatcher& dispatcher, const ListenerOptions& options,
                   std::vector<asio::io_context*> ios)
    : impl_(std::make_unique<Impl>(dispatcher, options, ios)) {}

Listener::~Listener() {
  BeginShutdown();
  AwaitShutdown(0);
}

Status Listener::Listen(const Endpoint& at) {
  error_code error;
  const auto cannot = [&] {
    return Error{ErrorCode::kUnavailable,
                 "Cannot listen for Kafka clients at " + at.ToString() + ": " + error.message() +
                     "; stop the other process or configure another kafka.listen."};
  };
  tcp::resolver resolver(impl_->acceptor.get_executor());
  std::string host = at.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto found = resolver.resolve(host, std::to_string(at.port), tcp::resolver::passive, error);
  if (error) return cannot();
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp::acceptor& acceptor = impl_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    const Error sentence = cannot();
    acceptor.close(error);
    return sentence;
  }
  return {};
}

uint16_t Listener::port() const {
  error_code error;
  const tcp::endpoint endpoint = impl_->acceptor.local_endpoint(error);
  CHECK(!error);
  return endpoint.port();
}

void Listener::Start() {
  CHECK(impl_->acceptor.is_open());
  CHECK(!impl_->started);
  impl_->started = true;
  impl_->accepting = true;
  asio::co_spawn(impl_->acceptor.get_executor(), impl_->AcceptLoop(),
                 [impl = impl_.get()](const std::exception_ptr& thrown) {
                   CHECK(thrown == nullptr);
                   const std::lock_guard lock(impl->mutex);
                   impl->accepting = false;
                   impl->changed.notify_all();
                 });
}

void Listener::Open() {
  impl_->groups.front()->Post([impl = impl_.get()] {
    impl->closed = false;
    impl->pause.cancel();
  });
}

void Listener::BeginShutdown() {
  if (impl_->stopped || !impl_->started) return;
  impl_->groups.front()->Post([impl = impl_.get()] {
    error_code ignored;
    impl->acceptor.close(ignored);
    impl->pause.cancel();
    // Only now, so that a connection that was just taken is among them.
    for (const auto& group : impl->groups) {
      group->Post([group = group.get()] { group->Drain(); });
    }
  });
}

void Listener::AwaitShutdown(int64_t grace_us) {
  if (std::exchange(impl_->stopped, true) || !impl_->started) return;
  constexpr int64_t kRoundUs = 100'000;
  bool nobody = impl_->AwaitNobody(grace_us);
  while (!nobody) {
    for (const auto& group : impl_->groups) {
      group->Post([group = group.get()] { group->CloseAll("the node stops"); });
    }
    nobody = impl_->AwaitNobody(kRoundUs);
  }
  // What those threads still had to do for the groups was queued before this.
  for (const auto& group : impl_->groups) {
    std::promise<void> idle;
    group->Post([&idle] { idle.set_value(); });
    idle.get_future().wait();
    group->Close();
  }
}

int64_t Listener::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->connections;
}

}  // namespace jangada::server::kafka
