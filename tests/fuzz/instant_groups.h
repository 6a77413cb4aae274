// InstantGroups: the consumer groups of an InstantBroker. Every call is answered before it returns,
// with a little of everything that an answer can hold, or with one error for all. One thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/group_broker.h"

namespace jangada::fuzz {

class InstantGroups final : public server::GroupBroker {
 public:
  /// What every call ends with from now on.
  void FailWith(server::GroupError error) { error_ = error; }

  void FindCoordinator(std::string, Callback<server::FoundCoordinator> done) override {
    done({.error = error_, .node = NodeId(2)});
  }
  void Join(server::JoinGroup request, Callback<server::JoinedGroup> done) override {
    server::JoinedGroup joined{.error = error_, .generation = 3, .leader = "m", .member_id = "m"};
    if (!request.protocols.empty()) joined.protocol = request.protocols.front().name;
    joined.members = {{.member_id = "m", .instance_id = request.instance_id, .metadata = "all"}};
    done(std::move(joined));
  }
  void Sync(server::SyncGroup request, Callback<server::SyncedGroup> done) override {
    server::SyncedGroup synced{.error = error_, .protocol_type = "consumer"};
    if (!request.assignments.empty()) synced.assignment = request.assignments.front().assignment;
    done(std::move(synced));
  }
  void Heartbeat(server::GroupMembership, Callback<server::GroupError> done) override {
    done(error_);
  }
  void Leave(server::LeaveGroup request, Callback<server::LeftGroup> done) override {
    done({.error = error_, .members = Each(request.members.size())});
  }
  void Commit(server::CommitOffsets request, Callback<server::OffsetErrors> done) override {
    done({.error = error_, .each = Each(request.offsets.size())});
  }
  void Fetch(server::FetchOffsets request, Callback<server::FetchedOffsets> done) override {
    server::FetchedOffsets fetched{.error = error_};
    for (const server::TopicPartition& where : request.where.value_or(kSome)) {
      fetched.offsets.push_back({.where = where, .offset = 5, .metadata = "here"});
    }
    done(std::move(fetched));
  }
  void Delete(server::DeleteOffsets request, Callback<server::OffsetErrors> done) override {
    done({.error = error_, .each = Each(request.where.size())});
  }
  void Describe(std::string, Callback<server::GroupDescription> done) override {
    done({.error = error_,
          .state = server::GroupState::kStable,
          .protocol_type = "consumer",
          .protocol = "range",
          .members = {{.member_id = "m", .client_id = "c", .metadata = "x", .assignment = "y"}}});
  }
  void List(Callback<server::GroupList> done) override {
    done({.error = error_, .groups = {{.id = "g", .state = server::GroupState::kEmpty}}});
  }
  void DeleteGroup(std::string, Callback<server::GroupError> done) override { done(error_); }

 private:
  /// One outcome an element; none after an error of the whole.
  std::vector<server::GroupError> Each(size_t count) const {
    if (error_ != server::GroupError::kNone) return {};
    return std::vector<server::GroupError>(count, server::GroupError::kNone);
  }

  const std::vector<server::TopicPartition> kSome = {{"t", 0}, {"t", 1}, {"u", 0}};
  server::GroupError error_ = server::GroupError::kNone;
};

}  // namespace jangada::fuzz
