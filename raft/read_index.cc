#include "raft/read_index.h"

namespace jangada::raft {

std::vector<ReadGrant> ReadQueue::Confirm(uint64_t read_id) {
  std::vector<ReadGrant> grants;
  while (!waiting_.empty() && waiting_.front().read_id <= read_id) {
    grants.push_back({waiting_.front().read_id, true, waiting_.front().index});
    waiting_.pop_front();
  }
  return grants;
}

std::vector<ReadGrant> ReadQueue::RefuseAll() {
  std::vector<ReadGrant> grants;
  for (const Read& read : waiting_) grants.push_back({read.read_id, false, 0});
  waiting_.clear();
  return grants;
}

}  // namespace jangada::raft
