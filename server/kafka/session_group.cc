#include "server/kafka/session_group.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace jangada::server::kafka {
namespace {

constexpr size_t kScratchBytes = 64 << 10;
constexpr int kLogLinesPerSecond = 10;

}  // namespace

SessionGroup::SessionGroup(const Context& context, std::function<void(const std::string&)> on_ended)
    : context_(context),
      on_ended_(std::move(on_ended)),
      mailbox_(std::make_shared<Mailbox>(context.io)),
      scratch_(kScratchBytes),
      sweep_(context.io) {}

void SessionGroup::Add(boost::asio::ip::tcp::socket socket, std::string address,
                       std::shared_ptr<MemoryBudget> request_bytes) {
  auto session = std::make_shared<Session>(std::move(socket), std::move(address),
                                           std::move(request_bytes), *this);
  sessions_[session.get()] = session;
  session->Start();
  ArmSweep();
}

void SessionGroup::Drain() {
  const auto sessions = sessions_;
  for (const auto& [key, session] : sessions) session->Drain();
}

void SessionGroup::CloseAll(const std::string& why) {
  sweep_.cancel();
  const auto sessions = sessions_;
  for (const auto& [key, session] : sessions) session->Close(why);
}

void SessionGroup::OnEnded(Session& session) {
  const auto ended = sessions_.extract(&session);
  if (sessions_.empty()) sweep_.cancel();
  on_ended_(session.address());
}

/// Armed only while there are connections: it must not keep a stopped listener's io_context busy.
void SessionGroup::ArmSweep() {
  if (sweep_armed_ || sessions_.empty()) return;
  sweep_armed_ = true;
  sweep_.expires_after(std::chrono::seconds(1));
  sweep_.async_wait([this, mailbox = mailbox_](const boost::system::error_code& error) {
    if (mailbox->closed()) return;
    sweep_armed_ = false;
    if (!error) {
      for (const auto& [key, session] : sessions_) session->Sweep(NowUs());
    }
    ArmSweep();
  });
}

/// A hundred clients that send garbage must not fill the disk with lines.
void SessionGroup::LogRefused(const std::string& address, const std::string& why) {
  const int64_t now_us = NowUs();
  if (now_us - log_window_us_ > 1'000'000) {
    log_window_us_ = now_us;
    logged_ = 0;
  }
  if (++logged_ > kLogLinesPerSecond) return;
  spdlog::info("refused kafka connection address={} reason=\"{}\"", address, why);
}

}  // namespace jangada::server::kafka
