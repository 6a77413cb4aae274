#include "server/partition/read_barriers.h"

#include <utility>

namespace jangada::server {

void ReadBarriers::Finish(Reads reads, const Status& status) {
  for (Done& done : reads) done(status);
}

void ReadBarriers::Asked(uint64_t read_id) { asked_[read_id] = std::exchange(unasked_, {}); }

void ReadBarriers::Refused(const Error& error) { Finish(std::exchange(unasked_, {}), error); }

void ReadBarriers::OnGrant(const raft::ReadGrant& grant, raft::Index applied) {
  auto node = asked_.extract(grant.read_id);
  if (node.empty()) return;
  if (!grant.granted) {
    Finish(std::move(node.mapped()),
           Error{ErrorCode::kNotLeader, "this node lost the leadership before the read"});
  } else {
    granted_.emplace(grant.index, std::move(node.mapped()));
    OnApplied(applied);
  }
}

void ReadBarriers::OnApplied(raft::Index applied) {
  while (!granted_.empty() && granted_.begin()->first <= applied) {
    auto node = granted_.extract(granted_.begin());
    Finish(std::move(node.mapped()), Status());
  }
}

void ReadBarriers::FailAll(const Error& error) {
  Refused(error);
  for (auto& [id, reads] : std::exchange(asked_, {})) Finish(std::move(reads), error);
  for (auto& [index, reads] : std::exchange(granted_, {})) Finish(std::move(reads), error);
}

}  // namespace jangada::server
