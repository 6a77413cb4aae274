// ControllerMachine: a fold of its log, whose images never change once published.
#include "server/controller/controller_machine.h"

#include "fakes.h"
#include "gtest/gtest.h"

namespace jangada::server {
namespace {

class RecordingListener final : public MachineListener {
 public:
  void OnImage(ClusterImagePtr image) override { images.push_back(std::move(image)); }
  void OnLeading(bool ready) override { leading = ready; }
  void OnCannotFold(const Error& error) override { errors.push_back(error); }

  std::vector<ClusterImagePtr> images;
  bool leading = false;
  std::vector<Error> errors;
};

raft::Entry MakeEntry(raft::Index index, const record::Body& body, uint64_t request = 0) {
  raft::Entry entry;
  entry.index = index;
  entry.term = 1;
  entry.type = raft::EntryType::kCommand;
  entry.payload = record::EncodeCommand({request, body});
  return entry;
}

std::vector<raft::Entry> SomeHistory() {
  std::vector<record::Body> bodies = {record::FoundCluster{MakeUuid(7), MakeFounders({1, 2, 3})},
                                      record::RegisterNode{MakeNode(1)},
                                      MakeTopic("a", {Nodes({1, 2, 3}), Nodes({2, 3, 1})}),
                                      MakeTopic("a", {Nodes({1})}),  // refused
                                      MakeTopic("b", {Nodes({3})}),
                                      record::ChangeReplicas{{{GroupId(1), 1, Nodes({2, 3})}}},
                                      record::AllotProducerIds{10},
                                      record::DeleteTopic{"b", MakeTopic("b", {Nodes({3})}).id},
                                      record::SettleReplicas{GroupId(1), 2}};
  std::vector<raft::Entry> entries;
  for (const record::Body& body : bodies) {
    raft::Entry noop;
    noop.index = entries.size() + 1;
    entries.push_back(noop);
    entries.push_back(MakeEntry(entries.size() + 1, body));
  }
  return entries;
}

TEST(ControllerMachine, ACheckpointAndTheRestOfTheLogGiveTheSameStateAsTheWholeLog) {
  const std::vector<raft::Entry> log = SomeHistory();
  RecordingListener live_listener;
  ControllerMachine live(live_listener);
  for (const raft::Entry& entry : log) live.Apply(entry);

  for (size_t cut = 0; cut <= log.size(); ++cut) {
    RecordingListener listener;
    ControllerMachine before(listener);
    for (size_t i = 0; i < cut; ++i) before.Apply(log[i]);
    ControllerMachine after(listener);
    ASSERT_TRUE(after.RestoreState(before.EncodeState().view(), 0, 0).ok());
    for (size_t i = cut; i < log.size(); ++i) after.Apply(log[i]);
    EXPECT_EQ(after.EncodeState(), live.EncodeState()) << "cut at " << cut;
  }
}

TEST(ControllerMachine, APublishedImageNeverChanges) {
  RecordingListener listener;
  ControllerMachine machine(listener);
  std::vector<Bytes> as_published;
  for (const raft::Entry& entry : SomeHistory()) {
    machine.Apply(entry);
    ASSERT_EQ(listener.images.back()->version, entry.index);
    as_published.push_back(record::EncodeImage(*listener.images.back()));
  }
  for (size_t i = 0; i < as_published.size(); ++i) {
    EXPECT_EQ(record::EncodeImage(*listener.images[i]), as_published[i]);
  }
}

TEST(ControllerMachine, TopicsThatDidNotChangeAreShared) {
  RecordingListener listener;
  ControllerMachine machine(listener);
  machine.Apply(MakeEntry(1, record::FoundCluster{MakeUuid(7), MakeFounders({1, 2, 3})}));
  machine.Apply(MakeEntry(2, MakeTopic("a", {Nodes({1})})));
  const auto topic = machine.image()->FindTopic("a");
  machine.Apply(MakeEntry(3, MakeTopic("b", {Nodes({1})})));
  EXPECT_EQ(machine.image()->FindTopic("a"), topic);
}

TEST(ControllerMachine, TheProposerLearnsTheOutcomeOfItsOwnCommand) {
  RecordingListener listener;
  ControllerMachine machine(listener);
  machine.Apply(MakeEntry(1, record::FoundCluster{MakeUuid(7), MakeFounders({1})}));
  machine.Expect(11);
  machine.Expect(12);
  machine.Expect(13);
  record::CreateTopic other = MakeTopic("t", {Nodes({1})});
  other.id = MakeUuid(3);
  machine.Apply(MakeEntry(2, MakeTopic("t", {Nodes({1})}), 11));
  machine.Apply(MakeEntry(3, other, 12));
  EXPECT_TRUE(machine.TakeOutcome(11)->ok());
  EXPECT_EQ(machine.TakeOutcome(12)->error().code, ErrorCode::kAlreadyExists);
  EXPECT_FALSE(machine.TakeOutcome(13).has_value()) << "never applied";
  EXPECT_FALSE(machine.TakeOutcome(11).has_value()) << "taken once";
}

TEST(ControllerMachine, StopsAtAnEntryThatItCannotFold) {
  RecordingListener listener;
  ControllerMachine machine(listener);
  machine.Apply(MakeEntry(1, record::FoundCluster{MakeUuid(7), MakeFounders({1})}));
  const Bytes before = machine.EncodeState();
  raft::Entry strange = MakeEntry(2, record::AdmitNode{NodeId(2)});
  strange.payload = Bytes(strange.payload.ToString() + "\x08\x63");  // version 99
  machine.Apply(strange);
  machine.Apply(MakeEntry(3, MakeTopic("t", {Nodes({1})})));
  ASSERT_EQ(listener.errors.size(), 1u);
  EXPECT_EQ(listener.errors[0].code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(machine.EncodeState(), before) << "nothing after it may be folded";
}

TEST(ControllerMachine, RefusesACheckpointThatItCannotRead) {
  RecordingListener listener;
  ControllerMachine machine(listener);
  EXPECT_FALSE(machine.RestoreState("\xff\xff", 0, 0).ok());
  EXPECT_EQ(listener.errors.size(), 1u);
}

TEST(ControllerMachine, TellsOfLeadership) {
  RecordingListener listener;
  ControllerMachine machine(listener);
  machine.OnLeaderReady(3);
  EXPECT_TRUE(listener.leading);
  machine.OnLeadershipLost();
  EXPECT_FALSE(listener.leading);
}

}  // namespace
}  // namespace jangada::server
