#include "server/http/http_server.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <list>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.h"

namespace jangada::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

using Request = http::request_parser<http::empty_body>;

/// Errors come back as values; nothing is thrown.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
/// What a client may still send after its last answer, while it is waited for to read that.
constexpr size_t kLingerBytes = 64 << 10;
constexpr int64_t kLingerUs = 1'000'000;
/// Accepting failed (no descriptors left): the next try, so that the thread does not spin.
constexpr int64_t kAcceptAgainUs = 100'000;

std::chrono::microseconds Micros(int64_t us) { return std::chrono::microseconds(us); }

/// The path of a request target, without its query.
std::string PathOf(const Request& request) {
  const auto target = request.get().target();
  return std::string(target.substr(0, target.find('?')));
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  struct Connection {
    explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
    beast::tcp_stream stream;
    bool waiting = true;  // for a request: it may be closed in favour of another
  };
  using Connections = std::list<std::shared_ptr<Connection>>;

  /// A page on its way: `answer` is there, or `timer` has run out.
  struct Pending {
    explicit Pending(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::optional<HttpAnswer> answer;
  };

  Impl(HttpPages its_pages, const HttpLimits& its_limits)
      : pages(std::move(its_pages)), limits(its_limits) {}

  asio::awaitable<void> Accept();
  void Admit(tcp::socket socket);
  asio::awaitable<void> Serve(Connections::iterator place);
  /// One request and its answer. Whether the connection goes on.
  asio::awaitable<bool> ServeOne(Connection& connection, beast::flat_buffer& buffer);
  asio::awaitable<error_code> ReadHeader(Connection& connection, beast::flat_buffer& buffer,
                                         Request& request);
  asio::awaitable<HttpAnswer> Answer(const Request& request);
  asio::awaitable<HttpAnswer> AskPage(const HttpPage& page);
  asio::awaitable<bool> Write(Connection& connection, HttpAnswer answer, const Request* request);
  asio::awaitable<void> Linger(Connection& connection);
  HttpAnswer NotFound(const std::string& path) const;
  void CloseAll();

  // Constant after construction.
  const HttpPages pages;
  const HttpLimits limits;

  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::thread thread;

  // Owned by the thread. The one that has waited longest comes first.
  Connections connections;

  std::atomic<size_t> connection_count = 0;
  std::atomic<uint64_t> requests = 0;
  std::atomic<uint64_t> refused = 0;
};

// ---- connections ----

asio::awaitable<void> HttpServer::Impl::Accept() {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (!error) {
      Admit(std::move(socket));
      continue;
    }
    spdlog::debug("cannot accept an http connection error=\"{}\"", error.message());
    asio::steady_timer pause(io, Micros(kAcceptAgainUs));
    co_await pause.async_wait(kAwait);
  }
}

void HttpServer::Impl::Admit(tcp::socket socket) {
  if (connections.size() >= limits.max_connections) {
    ++refused;
    const auto idle = std::find_if(connections.begin(), connections.end(),
                                   [](const auto& other) { return other->waiting; });
    // One that was closed counts until its reader has run, hence the second bound.
    if (idle == connections.end() || connections.size() >= 2 * limits.max_connections) return;
    (*idle)->waiting = false;
    (*idle)->stream.close();  // its reader ends, and takes it off the list
  }
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const auto place =
      connections.insert(connections.end(), std::make_shared<Connection>(std::move(socket)));
  connection_count = connections.size();
  asio::co_spawn(io, Serve(place), asio::detached);
}

asio::awaitable<void> HttpServer::Impl::Serve(Connections::iterator place) {
  const std::shared_ptr<Connection> connection = *place;
  // A little more than a header: what is pipelined behind it waits in the kernel.
  beast::flat_buffer buffer(limits.max_header_bytes + 1024);
  while (co_await ServeOne(*connection, buffer)) {
    connection->waiting = true;
    connections.splice(connections.end(), connections, place);
  }
  connection->stream.close();
  connections.erase(place);
  connection_count = connections.size();
}

asio::awaitable<bool> HttpServer::Impl::ServeOne(Connection& connection,
                                                 beast::flat_buffer& buffer) {
  Request request;
  const error_code error = co_await ReadHeader(connection, buffer, request);
  if (!connection.stream.socket().is_open()) co_return false;  // closed in favour of another
  connection.waiting = false;
  if (error) {
    // What is no HTTP gets an answer that says so; who left, or was too slow, gets none.
    const bool too_large =
        error == http::error::header_limit || error == http::error::buffer_overflow;
    const bool is_http = error.category() == make_error_code(http::error::bad_method).category();
    if (!is_http || error == http::error::end_of_stream || error == http::error::partial_message) {
      co_return false;
    }
    HttpAnswer answer =
        too_large ? PlainAnswer(431, "The request's header is too large.\n")
                  : PlainAnswer(400, "This is no HTTP/1.1 request: " + error.message() + ".\n");
    co_await Write(connection, std::move(answer), nullptr);
    co_await Linger(connection);
    co_return false;
  }
  HttpAnswer answer = co_await Answer(request);
  // A body is nothing that a page could want: it is not read, so nothing can follow it.
  const bool has_body = request.chunked() || request.content_length_remaining().value_or(0) > 0;
  const bool keep = request.keep_alive() && !has_body;
  if (!keep) request.get().keep_alive(false);
  const bool written = co_await Write(connection, std::move(answer), &request);
  if (written && keep) co_return true;
  if (written) co_await Linger(connection);
  co_return false;
}

// ---- one request ----

asio::awaitable<error_code> HttpServer::Impl::ReadHeader(Connection& connection,
                                                         beast::flat_buffer& buffer,
                                                         Request& request) {
  request.header_limit(static_cast<uint32_t>(limits.max_header_bytes));
  if (buffer.size() == 0) {
    connection.stream.expires_after(Micros(limits.idle_timeout_us));
    auto [error, bytes] = co_await connection.stream.async_read_some(buffer.prepare(1024), kAwait);
    if (error) co_return error;
    buffer.commit(bytes);
  }
  connection.stream.expires_after(Micros(limits.header_timeout_us));
  auto [error, bytes] =
      co_await http::async_read_header(connection.stream, buffer, request, kAwait);
  co_return error;
}

HttpAnswer HttpServer::Impl::NotFound(const std::string& path) const {
  std::string known;
  for (const auto& [page, make] : pages) known += (known.empty() ? "" : ", ") + page;
  return PlainAnswer(404, "There is no " + path + " here; there are " + known + ".\n");
}

asio::awaitable<HttpAnswer> HttpServer::Impl::Answer(const Request& request) {
  const http::verb method = request.get().method();
  if (method != http::verb::get && method != http::verb::head) {
    co_return PlainAnswer(405, "Only GET and HEAD are served here.\n");
  }
  const std::string path = PathOf(request);
  const auto page = pages.find(path);
  if (page == pages.end()) co_return NotFound(path);
  co_return co_await AskPage(page->second);
}

asio::awaitable<HttpAnswer> HttpServer::Impl::AskPage(const HttpPage& page) {
  auto pending = std::make_shared<Pending>(io);
  pending->timer.expires_after(Micros(limits.page_timeout_us));
  page([self = shared_from_this(), pending](HttpAnswer answer) {
    // After a stop nobody runs this, and nobody waits for it.
    asio::post(self->io, [pending, answer = std::move(answer)]() mutable {
      pending->answer = std::move(answer);
      pending->timer.cancel();
    });
  });
  co_await pending->timer.async_wait(kAwait);
  if (!pending->answer) co_return PlainAnswer(503, "The node did not answer in time.\n");
  co_return std::move(*pending->answer);
}

asio::awaitable<bool> HttpServer::Impl::Write(Connection& connection, HttpAnswer answer,
                                              const Request* request) {
  const unsigned version = request == nullptr ? 11 : request->get().version();
  http::response<http::string_body> response(static_cast<http::status>(answer.status), version);
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
  response.content_length(answer.body.size());
  response.keep_alive(request != nullptr && request->keep_alive());
  const bool head = request != nullptr && request->get().method() == http::verb::head;
  if (!head) response.body() = std::move(answer.body);
  ++requests;
  connection.stream.expires_after(Micros(limits.write_timeout_us));
  auto [error, bytes] = co_await http::async_write(connection.stream, response, kAwait);
  co_return !error;
}

/// The last answer would be lost if the socket were closed while bytes of the client's lie unread.
asio::awaitable<void> HttpServer::Impl::Linger(Connection& connection) {
  error_code ignored;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  connection.stream.expires_after(Micros(kLingerUs));
  std::array<char, 4096> rest;
  for (size_t read = 0; read < kLingerBytes;) {
    auto [error, bytes] = co_await connection.stream.async_read_some(asio::buffer(rest), kAwait);
    if (error) co_return;
    read += bytes;
  }
}

void HttpServer::Impl::CloseAll() {
  error_code ignored;
  acceptor.close(ignored);
  for (const auto& connection : connections) connection->stream.close();
}

// ---- the public face ----

HttpServer::HttpServer(HttpPages pages, const HttpLimits& limits)
    : impl_(std::make_shared<Impl>(std::move(pages), limits)) {}

HttpServer::~HttpServer() { Stop(); }

Status HttpServer::Start(const std::string& host, uint16_t port) {
  CHECK(!impl_->thread.joinable());
  const std::string address = host + ":" + std::to_string(port);
  const auto refuse = [&address, port](const error_code& error) {
    const std::string why = error == asio::error::address_in_use
                                ? "port " + std::to_string(port) + " is in use by another process"
                                : error.message();
    return Error{ErrorCode::kUnavailable,
                 "Cannot listen for HTTP at " + address + ": " + why +
                     "; stop the other process or configure another address with http.listen."};
  };
  error_code error;
  const auto found = tcp::resolver(impl_->io).resolve(
      host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error) return refuse(error);
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp::acceptor& acceptor = impl_->acceptor;
  // Alone on its port (SO_REUSEPORT stays off); SO_REUSEADDR only forgives what a past process
  // left behind.
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return refuse(error);
  asio::co_spawn(impl_->io, impl_->Accept(), asio::detached);
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
  pthread_setname_np(impl_->thread.native_handle(), "http");
  spdlog::info("listening for http address={} port={}", host, this->port());
  return {};
}

uint16_t HttpServer::port() const {
  error_code ignored;
  return impl_->acceptor.local_endpoint(ignored).port();
}

void HttpServer::Stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [impl = impl_.get()] {
    impl->CloseAll();
    impl->io.stop();
  });
  impl_->thread.join();
}

HttpServer::Stats HttpServer::stats() const {
  return {.connections = impl_->connection_count,
          .requests = impl_->requests,
          .refused = impl_->refused};
}

}  // namespace jangada::server
