// GroupMember: one member of a consumer group whose client speaks through a stream (ConsumerGroup
// in group.proto). It plays for its client the part that Kafka's clients play themselves: joins,
// divides the partitions where it was made the group's leader, and asks for its own. It lives on
// the group's coordinator.
//
//   kNew --subscribe--> kJoining --assigned--> kReading --rebalance--> kReleasing --released-->
//   kJoining
//
// Any thread; what it does, it does in turn (Strand). What it says to its client goes to `send`, in
// order, and ends with one call of `end`; nothing is said after that.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jangada/v1/group.pb.h"
#include "server/broker.h"
#include "server/group_broker.h"
#include "server/grpc/strand.h"

namespace jangada::server::grpc_door {

/// The stream's other end: a GroupMember, or one on another node.
class MemberEnd {
 public:
  virtual ~MemberEnd() = default;
  virtual void Take(v1::GroupMemberRequest request) = 0;
  /// Nobody hears what is said any more. The member stays until its session times out.
  virtual void Abandon() = 0;
};

struct MemberVoice {
  std::function<void(v1::GroupMemberResponse)> send;
  std::function<void(const Status&)> end;
};

class GroupMember final : public MemberEnd, public std::enable_shared_from_this<GroupMember> {
 public:
  using After = std::function<void(int64_t delay_us, Callback<> task)>;

  /// `broker` outlives it. `after` runs a task later, on any thread.
  GroupMember(Broker& broker, std::string client_host, MemberVoice voice, After after);

  void Take(v1::GroupMemberRequest request) override;
  void Abandon() override;

 private:
  enum class Phase : uint8_t { kNew, kJoining, kReading, kReleasing, kOver };

  void Do(Callback<> task);
  /// A completion that comes back to the strand, and is dropped once all is over.
  template <class Answer, class F>
  Callback<Answer> Then(F function);

  void OnRequest(v1::GroupMemberRequest request);
  void OnSubscribe(const v1::GroupMemberRequest::Subscribe& subscribe);
  void OnHeartbeat();
  void OnHeard(int32_t generation, GroupError error);
  void OnCommit(const v1::GroupMemberRequest::Commit& commit);

  void Join();
  void OnJoined(JoinedGroup joined);
  void Divide(const JoinedGroup& joined);
  void Sync(std::vector<SyncGroup::Assignment> assignments);
  void OnSynced(const SyncedGroup& synced);
  void RecallCounts(const GroupDescription& described);
  void FetchOffsets(std::vector<TopicPartition> partitions);
  void OnFetched(std::vector<TopicPartition> partitions, const FetchedOffsets& fetched);
  void StartReleasing(bool lost);
  void Leave();

  /// Tries again in a while, or gives up.
  void TryLater(GroupError error, void (GroupMember::*what)());
  void SyncAgain() { Sync({}); }
  void End(const Status& status);
  GroupMembership membership() const;
  std::string PartitionCounts() const;

  Broker& broker_;
  const std::string client_host_;
  const MemberVoice voice_;
  const After after_;
  Strand strand_;

  // The strand's.
  Phase phase_ = Phase::kNew;
  std::string group_;
  std::vector<std::string> topics_;  // in order, none twice
  std::string client_id_;
  std::optional<std::string> instance_id_;
  int64_t session_ms_ = 0;
  int64_t rebalance_ms_ = 0;
  std::string member_id_;
  std::string told_id_;  // the member id that the client knows
  int32_t generation_ = -1;
  bool resuming_ = false;  // takes a former stream's place, not yet known whether it may
  bool lost_ = false;      // the group went on without it
  std::vector<TopicPartition> owned_;  // assigned last; what others get in its place moves
  std::string counts_;                 // of the partitions of its topics, when it joined last
  bool joining_ = false;               // a join is not answered yet
  bool heartbeat_under_way_ = false;
  int commits_under_way_ = 0;
  bool leaving_ = false;
  int tries_left_ = 0;
};

}  // namespace jangada::server::grpc_door
