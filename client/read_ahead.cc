#include "client/read_ahead.h"

#include <chrono>
#include <utility>

namespace jangada::client {

void ReadAhead::Assign(const TopicPartition& where, uint64_t generation,
                       std::optional<int64_t> position) {
  const std::lock_guard lock(mutex_);
  ForgetPieces(where);
  entries_[where] = {.generation = generation, .position = position};
}

void ReadAhead::Forget(const TopicPartition& where) {
  const std::lock_guard lock(mutex_);
  ForgetPieces(where);
  entries_.erase(where);
}

/// REQUIRES: mutex_ is held.
void ReadAhead::ForgetPieces(const TopicPartition& where) {
  std::erase_if(pieces_, [&](const Piece& piece) { return piece.where == where; });
}

void ReadAhead::Push(Piece piece) {
  {
    const std::lock_guard lock(mutex_);
    pieces_.push_back(std::move(piece));
  }
  filled_.notify_one();
}

std::optional<ReadAhead::Piece> ReadAhead::Take(int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  if (!filled_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [this] { return !pieces_.empty(); })) {
    return std::nullopt;
  }
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  if (piece.error.has_value()) entries_.erase(piece.where);
  return piece;
}

bool ReadAhead::Advance(const TopicPartition& where, uint64_t generation, int64_t position) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(where);
  if (it == entries_.end() || it->second.generation != generation) return false;
  // Two threads may poll two pieces of one partition, and the later one be through first.
  if (!it->second.position.has_value() || *it->second.position < position) {
    it->second.position = position;
  }
  return true;
}

bool ReadAhead::End(const TopicPartition& where, uint64_t generation) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(where);
  if (it == entries_.end() || it->second.generation != generation) return false;
  ForgetPieces(where);
  entries_.erase(it);
  return true;
}

bool ReadAhead::assigned(const TopicPartition& where) const {
  const std::lock_guard lock(mutex_);
  return entries_.contains(where);
}

std::optional<int64_t> ReadAhead::position(const TopicPartition& where) const {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(where);
  return it == entries_.end() ? std::nullopt : it->second.position;
}

std::vector<TopicPartition> ReadAhead::assignment() const {
  const std::lock_guard lock(mutex_);
  std::vector<TopicPartition> partitions;
  for (const auto& [where, entry] : entries_) partitions.push_back(where);
  return partitions;
}

std::string ReadAhead::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void ReadAhead::set_trouble(std::string trouble) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

}  // namespace jangada::client
