// ReadBarriers: reads that wait until everything that was acknowledged before them is applied here
// (ReadIndex, thesis 6.4). What gathers in one turn shares one question to the core, asked after
// all of it began; each question has an id of its own and is never asked again. Owned by a shard.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/callback.h"
#include "base/result.h"
#include "raft/ready.h"

namespace jangada::server {

class ReadBarriers {
 public:
  using Done = Callback<Status>;

  void Add(Done done) { unasked_.push_back(std::move(done)); }
  /// A question must be put to the core: Asked or Refused follows.
  bool HasUnasked() const { return !unasked_.empty(); }
  void Asked(uint64_t read_id);
  void Refused(const Error& error);

  /// The core's answer; a read waits on until `applied` reaches what it grants.
  void OnGrant(const raft::ReadGrant& grant, raft::Index applied);
  void OnApplied(raft::Index applied);
  void FailAll(const Error& error);

 private:
  using Reads = std::vector<Done>;
  static void Finish(Reads reads, const Status& status);

  Reads unasked_;
  std::map<uint64_t, Reads> asked_;            // by read id
  std::multimap<raft::Index, Reads> granted_;  // by the index that must be applied
};

}  // namespace jangada::server
