// ReadAhead: what a consumer has fetched and its user has not polled yet, and how far the user is
// in every partition. The consumer's loop puts pieces in, any thread takes them out.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "client/wire.h"

namespace jangada::client {

class ReadAhead {
 public:
  /// One answer of a leader, as it came; or why the reading of the partition has ended.
  struct Piece {
    TopicPartition where;
    uint64_t generation = 0;  // of the assignment that it was fetched for; 0: of a whole topic
    int64_t from = 0;         // the first record is this one; the first batch may begin before
    int64_t end = 0;          // the last record is the one before this
    std::vector<Bytes> batches;
    int64_t high_watermark = 0;
    int64_t log_start_offset = 0;
    size_t bytes = 0;
    std::optional<Error> error = {};
  };

  // ---- the loop ----
  /// The partition is read under a new generation: pieces of an older one are forgotten. Without a
  /// position: it is not known yet.
  void Assign(const TopicPartition& where, uint64_t generation, std::optional<int64_t> position);
  void Forget(const TopicPartition& where);
  void Push(Piece piece);

  // ---- any thread ----
  /// The oldest piece; nothing when the timeout passed. An error's partition is forgotten with it.
  std::optional<Piece> Take(int64_t timeout_ms);
  /// Polled up to `position`. False: the partition was assigned anew meanwhile, and what was polled
  /// must not be shown.
  bool Advance(const TopicPartition& where, uint64_t generation, int64_t position);
  /// The same, for a partition whose reading ends.
  bool End(const TopicPartition& where, uint64_t generation);

  bool assigned(const TopicPartition& where) const;
  std::optional<int64_t> position(const TopicPartition& where) const;
  std::vector<TopicPartition> assignment() const;
  std::string trouble() const;
  void set_trouble(std::string trouble);

 private:
  struct Entry {
    uint64_t generation = 0;
    std::optional<int64_t> position;
  };

  void ForgetPieces(const TopicPartition& where);

  // Under mutex_.
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Piece> pieces_;  // invariant: each of its partition's present generation, or of 0
  std::map<TopicPartition, Entry> entries_;
  std::string trouble_;
};

}  // namespace jangada::client
