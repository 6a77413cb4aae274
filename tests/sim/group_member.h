// GroupMember: one member of a consumer group, as a program over a Kafka client would be: it finds
// the coordinator, joins, divides the partitions if it leads, syncs, asks where the group has come
// to, reads on from there, commits, and says that it lives. Now and then it leaves, stands still
// for longer than its session, or dies and comes back, as another process with another member id,
// or as the same static instance. All of it in real frames (kafka_call.h), each kind in a version
// of its own. What it does and is told goes to the GroupWatch, what it reads also to the Recorder.
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/kafka/handlers/handlers.h"
#include "tests/sim/clients.h"
#include "tests/sim/group_watch.h"
#include "tests/sim/kafka_call.h"

namespace jangada::sim {

class GroupMember {
 public:
  struct Options {
    std::string group;
    uint64_t number = 0;     // of the member, among all of the run
    bool is_static = false;  // it has a group.instance.id
    bool may_go = false;     // it may die for good
  };

  GroupMember(ClientContext& context, GroupWatch& watch, Options options);

  void Start() { Begin(); }
  /// From here on it neither leaves nor dies nor stands still.
  void Settle() { settling_ = true; }
  /// It is gone, without a word.
  void Finish();

  const std::string& group() const { return options_.group; }
  /// It died, and won't come back.
  bool IsGone() const { return gone_; }
  /// What it reads, if it is a member that knows its part, and of which generation.
  struct Part {
    int32_t generation = -1;
    std::set<server::TopicPartition> partitions;
  };
  std::optional<Part> Reads() const;
  std::string Describe() const;

 private:
  using Code = server::kafka::Code;
  enum class Stage : uint8_t { kAway, kJoin, kSync, kOffsets, kReading };
  /// In which version each request is sent.
  struct Versions {
    int16_t find = 0, join = 0, sync = 0, heartbeat = 0, leave = 0, commit = 0, offsets = 0,
            fetch = 0, list = 0, metadata = 0;
  };
  struct Place {
    history::Key key = 0;
    history::Offset position = -1;
    history::Offset committed = -1;  // acknowledged
    bool out_of_range = false;       // it was told so, and must ask where the partition begins
    bool leader_refused = false;     // and said nobody else: metadata may know
  };
  using Places = std::map<server::TopicPartition, Place>;

  // ---- its life: group_member.cc ----
  void Begin();
  Versions ChooseVersions();
  void ComeBackLater();
  void Tick();
  bool MeetsMishap(int64_t within_us);
  void Go();
  void Later();
  /// Runs it after `delay_us`, unless the process has ended by then.
  void After(int64_t delay_us, std::function<void()> task);

  // ---- the coordinator's calls ----
  template <class Request>
  void Ask(const Request& request, int16_t version, int64_t timeout_us,
           std::function<void(const typename Request::Response&)> done);
  void Find();
  void OnFound(Code code, int32_t node);
  void Join();
  void OnJoined(const server::kafka::JoinGroupResponse& joined);
  void Divide(const server::kafka::JoinGroupResponse& joined);
  void Sync();
  void OnSynced(const server::kafka::SyncGroupResponse& synced);
  void AskOffsets();
  void OnOffsets(uint64_t question, const server::kafka::OffsetFetchResponse& told);
  void Heartbeat();
  void Commit(bool then_join);
  void CommitOfThePast();
  void OnCommitted(const history::GroupEvent& commit, Code code, bool then_join);
  void Leave();
  /// Errors that any of the calls may end in; what it does then. False: none of them.
  bool Handle(Code code);
  void JoinAgain();
  void NoteStillThere();
  void NoteInterrupted();
  void StopReading();
  history::GroupEvent EventOf(history::GroupEvent::Kind kind) const;

  // ---- reading: group_member_reads.cc ----
  void ReadSoon();
  void Read();
  void OnRead(const server::TopicPartition& where, const server::kafka::FetchResponse& response);
  void TakeRecords(const server::TopicPartition& where, const Bytes& records);
  void Skip(const server::TopicPartition& where);
  void AskLeader(const server::TopicPartition& where);
  void OnRefused(const server::TopicPartition& where, std::optional<NodeId> hint);
  void EndPoll(history::Operation operation);

  ClientContext& context_;
  GroupWatch& watch_;
  const Options options_;
  const std::string client_id_;
  Random random_;
  bool settling_ = false;
  bool gone_ = false;

  // The process.
  uint64_t life_ = 0;  // grows with each: what was begun before is nobody's
  int64_t process_ = 0;
  Versions versions_;
  Stage stage_ = Stage::kAway;
  bool busy_ = false;  // a call to the coordinator is under way
  int64_t asked_at_us_ = 0;
  std::optional<NodeId> coordinator_;
  int64_t stalled_until_us_ = 0;
  int64_t beaten_at_us_ = 0;  // when it last synced or sent a heartbeat
  uint64_t last_number_ = 0;  // of its commits and questions

  // As a member.
  std::string member_id_;
  int32_t generation_ = -1;
  std::vector<server::kafka::SyncGroupRequest::Assignment> divided_;  // as the leader
  std::optional<NodeId> assigned_at_;
  std::optional<std::pair<server::kafka::OffsetCommitRequest, history::GroupEvent>> last_commit_;
  bool is_new_ = true;            // this process was not told a part yet
  int32_t last_generation_ = -1;  // in which the member had a part, over all its processes

  // As a reader.
  Places places_;
  std::vector<server::TopicPartition> owned_before_;
  uint64_t session_ = 0;  // grows with each assignment
  bool polling_ = false;
  bool asking_ = false;  // for a leader
  std::map<server::TopicPartition, LeaderGuess> leaders_;
};

template <class Request>
void GroupMember::Ask(const Request& request, int16_t version, int64_t timeout_us,
                      std::function<void(const typename Request::Response&)> done) {
  busy_ = true;
  asked_at_us_ = context_.world.now_us();
  AskKafka<Request>(context_.door, *coordinator_, timeout_us, client_id_, version, request,
                    [this, life = life_,
                     done = std::move(done)](const Result<typename Request::Response>& response) {
                      if (life != life_) return;
                      busy_ = false;
                      if (response.ok()) return done(*response);
                      if (response.error().code == ErrorCode::kDataCorrupt) {
                        context_.judge.Fail("kafka-frames", response.error().message);
                      }
                      if (Request::kKey == server::kafka::OffsetCommitRequest::kKey) {
                        context_.reached.Count(Rare::kCommitFateUnknown);
                      }
                      const bool reset = response.error().message.starts_with("the connection");
                      if (reset) NoteInterrupted();
                      coordinator_.reset();
                      Later();
                    });
}

}  // namespace jangada::sim
