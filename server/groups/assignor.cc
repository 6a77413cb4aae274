#include "server/groups/assignor.h"

#include <algorithm>
#include <optional>
#include <set>

namespace jangada::server::groups {
namespace {

class Balance {
 public:
  Balance(const std::vector<AssignedMember>& members,
          const std::map<std::string, int32_t>& partitions)
      : members_(members), counts_(members.size(), 0) {
    for (size_t i = 0; i < members.size(); ++i) {
      const std::set<std::string> wanted(members[i].topics.begin(), members[i].topics.end());
      for (const std::string& topic : wanted) takers_[topic].push_back(i);
    }
    for (const auto& [topic, takers] : takers_) {
      const auto count = partitions.find(topic);
      if (count == partitions.end()) continue;
      for (int32_t i = 0; i < count->second; ++i) owners_[{topic, i}];
    }
  }

  void KeepWhatIsRead() {
    for (size_t i = 0; i < members_.size(); ++i) {
      for (const TopicPartition& where : members_[i].reading) {
        const auto owner = owners_.find(where);
        if (owner == owners_.end() || owner->second) continue;
        const std::vector<size_t>& takers = takers_.at(where.topic);
        if (!std::binary_search(takers.begin(), takers.end(), i)) continue;
        owner->second = i;
        ++counts_[i];
      }
    }
  }

  void GiveOutTheRest() {
    for (auto& [where, owner] : owners_) {
      if (owner) continue;
      owner = LeastLoaded(where.topic);
      ++counts_[*owner];
    }
  }

  /// Each move lessens the sum of the squares of the counts, so it comes to an end.
  void Even() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [where, owner] : owners_) {
        const size_t least = LeastLoaded(where.topic);
        if (counts_[least] + 1 >= counts_[*owner]) continue;
        --counts_[*owner];
        ++counts_[least];
        owner = least;
        moved = true;
      }
    }
  }

  Assignments Result() const {
    Assignments assignments;
    for (const AssignedMember& member : members_) assignments[member.member_id];
    for (const auto& [where, owner] : owners_) {
      assignments[members_[*owner].member_id].push_back(where);
    }
    return assignments;
  }

 private:
  size_t LeastLoaded(const std::string& topic) const {
    const std::vector<size_t>& takers = takers_.at(topic);
    return *std::min_element(takers.begin(), takers.end(),
                             [this](size_t a, size_t b) { return counts_[a] < counts_[b]; });
  }

  const std::vector<AssignedMember>& members_;
  std::vector<size_t> counts_;                         // by member
  std::map<std::string, std::vector<size_t>> takers_;  // by topic, in ascending order
  std::map<TopicPartition, std::optional<size_t>> owners_;
};

}  // namespace

Assignments Assign(const std::vector<AssignedMember>& members,
                   const std::map<std::string, int32_t>& partitions) {
  Balance balance(members, partitions);
  balance.KeepWhatIsRead();
  balance.GiveOutTheRest();
  balance.Even();
  return balance.Result();
}

}  // namespace jangada::server::groups
