#include "jangada/consumer.h"

#include "client/consumer_impl.h"
#include "jangada/client.h"

namespace jangada::client {

Consumer::Consumer(Client& client, ConsumerOptions options)
    : loop_(client.core().loop), impl_(std::make_shared<Impl>(client.core(), options)) {
  loop_.RunAndWait([this] { impl_->Open(); });
}

Consumer::~Consumer() {
  loop_.RunAndWait([this] { impl_->Close(); });
}

void Consumer::Assign(const TopicPartition& where, Start start) {
  loop_.RunAndWait([&] { impl_->Assign(where, start); });
}

void Consumer::Assign(const TopicPartition& where, int64_t offset) {
  Assign(where, Start::Offset(offset));
}

void Consumer::AssignTopic(const std::string& topic, Start start) {
  loop_.RunAndWait([&] { impl_->AssignTopic(topic, start); });
}

void Consumer::Unassign(const TopicPartition& where) {
  loop_.RunAndWait([&] { impl_->Unassign(where); });
}

void Consumer::UnassignTopic(const std::string& topic) {
  loop_.RunAndWait([&] { impl_->UnassignTopic(topic); });
}

Status Consumer::Seek(const TopicPartition& where, Start start) {
  Status found = Error{ErrorCode::kShuttingDown, "the client is closed"};
  loop_.RunAndWait([&] { found = impl_->Seek(where, start); });
  return found;
}

Status Consumer::Pause(const TopicPartition& where) {
  Status found = Error{ErrorCode::kShuttingDown, "the client is closed"};
  loop_.RunAndWait([&] { found = impl_->Pause(where, true); });
  return found;
}

Status Consumer::Resume(const TopicPartition& where) {
  Status found = Error{ErrorCode::kShuttingDown, "the client is closed"};
  loop_.RunAndWait([&] { found = impl_->Pause(where, false); });
  return found;
}

std::vector<TopicPartition> Consumer::assignment() const { return impl_->ahead().assignment(); }

std::optional<int64_t> Consumer::Position(const TopicPartition& where) const {
  return impl_->ahead().position(where);
}

Result<ConsumedRecords> Consumer::Poll(int64_t timeout_ms) { return impl_->Poll(timeout_ms); }

std::string Consumer::trouble() const { return impl_->ahead().trouble(); }

}  // namespace jangada::client
