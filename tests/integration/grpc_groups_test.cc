// Consumer groups at the gRPC door, against three nodes as processes: members share a topic, one is
// killed, the coordinator is killed, what was committed stays, and the Kafka door is kept out.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <jangada/v1/group.grpc.pb.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "tests/integration/test_cluster.h"

namespace jangada::integration {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Request = v1::GroupMemberRequest;
using Response = v1::GroupMemberResponse;

constexpr const char* kGroup = "readers";
constexpr int kSessionMs = 6'000;

/// One member: a stream with heartbeats, that gives up what it is asked to.
class Member {
 public:
  struct Place {
    int32_t generation = 0;
    std::map<int32_t, int64_t> offsets;  // partition -> where it begins
  };

  Member(const std::string& address, const std::string& member_id = {}, int32_t generation = 0)
      : stub_(v1::ConsumerGroup::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        stream_(stub_->Join(&context_)),
        member_id_(member_id) {
    Request request;
    auto* subscribe = request.mutable_subscribe();
    subscribe->set_group(kGroup);
    subscribe->add_topics("t");
    subscribe->set_session_timeout_ms(kSessionMs);
    subscribe->set_member_id(member_id);
    subscribe->set_generation(generation);
    Say(request);
    reader_ = std::thread([this] { Read(); });
    heart_ = std::thread([this] { Beat(); });
  }
  ~Member() {
    Break();
    heart_.join();
    reader_.join();
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  /// As if its process were killed.
  void Break() { context_.TryCancel(); }
  void Leave() {
    Request request;
    request.mutable_leave();
    Say(request);
  }
  /// The error's code; empty: it is committed. "ended": the stream did before the answer.
  std::string Commit(int32_t partition, int64_t offset) {
    Request request;
    auto* entry = request.mutable_commit()->add_offsets();
    entry->set_topic("t");
    entry->set_partition(partition);
    entry->set_offset(offset);
    std::unique_lock lock(mutex_);
    request.mutable_commit()->set_number(++last_commit_);
    lock.unlock();
    Say(request);
    lock.lock();
    const bool answered = changed_.wait_for(
        lock, kPatience, [&] { return ended_ || acks_.contains(request.commit().number()); });
    if (!answered) return "no answer";
    const auto ack = acks_.find(request.commit().number());
    return ack == acks_.end() ? "ended" : ack->second;
  }

  Place place() {
    const std::lock_guard lock(mutex_);
    return place_;
  }
  std::string member_id() {
    const std::lock_guard lock(mutex_);
    return member_id_;
  }
  int revokes() {
    const std::lock_guard lock(mutex_);
    return revokes_;
  }
  /// How the stream ended; nullopt: it has not, in time.
  std::optional<grpc::Status> End() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return ended_; });
    if (!ended_) return std::nullopt;
    return status_;
  }

 private:
  void Say(const Request& request) {
    const std::lock_guard lock(writing_);
    stream_->Write(request);
  }
  void Read() {
    Response response;
    while (stream_->Read(&response)) {
      const std::lock_guard lock(mutex_);
      if (response.has_joined()) member_id_ = response.joined().member_id();
      if (response.has_commit_ack()) {
        acks_[response.commit_ack().number()] = response.commit_ack().error().code();
      }
      if (response.has_assignment()) {
        place_ = {.generation = response.assignment().generation(), .offsets = {}};
        for (const auto& partition : response.assignment().partitions()) {
          place_.offsets[partition.partition()] = partition.offset();
        }
      }
      if (response.has_revoke()) {
        ++revokes_;
        place_.offsets.clear();
        Request request;
        request.mutable_released();
        Say(request);
      }
      changed_.notify_all();
    }
    const grpc::Status status = stream_->Finish();
    const std::lock_guard lock(mutex_);
    status_ = status;
    ended_ = true;
    changed_.notify_all();
  }
  void Beat() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::milliseconds(300), [&] { return ended_; })) {
      lock.unlock();
      Request request;
      request.mutable_heartbeat();
      Say(request);
      lock.lock();
    }
  }

  grpc::ClientContext context_;
  std::unique_ptr<v1::ConsumerGroup::Stub> stub_;
  std::mutex writing_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string member_id_;
  Place place_;
  std::map<int64_t, std::string> acks_;
  int64_t last_commit_ = 0;
  int revokes_ = 0;
  bool ended_ = false;
  grpc::Status status_;
  std::thread reader_;
  std::thread heart_;
};

class GrpcGroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(cluster_.StartAndServe());
    client_ = cluster_.MakeClient();
    ASSERT_TRUE(
        client_->CreateTopic({.name = "t", .partitions = 4, .replication_factor = 3}, kCallMs)
            .ok());
  }

  std::unique_ptr<Member> Join(int node, const std::string& member_id = {},
                               int32_t generation = 0) {
    return std::make_unique<Member>(cluster_.grpc_address(node), member_id, generation);
  }

  /// Each of the four partitions is read by one of them, and each of them reads some.
  static bool Divided(const std::vector<Member*>& members) {
    std::set<int32_t> partitions, generations;
    size_t count = 0;
    for (Member* member : members) {
      const Member::Place place = member->place();
      if (place.offsets.empty()) return false;
      generations.insert(place.generation);
      count += place.offsets.size();
      for (const auto& [partition, offset] : place.offsets) partitions.insert(partition);
    }
    return partitions.size() == 4 && count == 4 && generations.size() == 1;
  }

  int Coordinator() {
    const auto group = client_->DescribeGroup(kGroup, kCallMs);
    return group.ok() ? group->coordinator : 0;
  }

  /// Another stream for the member, at whichever node lets it go on.
  std::unique_ptr<Member> ComeBack(int node, const std::string& member_id, int32_t generation) {
    std::unique_ptr<Member> back;
    EXPECT_TRUE(Eventually([&] {
      back = Join(node, member_id, generation);
      return Eventually([&] { return !back->place().offsets.empty(); },
                        std::chrono::milliseconds(1'500));
    }));
    return back;
  }

  TestCluster cluster_{3, {"groups.initial_rebalance_delay_ms=200"}};
  std::unique_ptr<client::Client> client_;
};

TEST_F(GrpcGroupsTest, MembersShareATopicAndTakeOverFromOneThatIsKilled) {
  const auto one = Join(1), two = Join(2);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get(), two.get()}); }));
  const int32_t theirs = two->place().offsets.begin()->first;
  EXPECT_EQ(two->Commit(theirs, 7), "");
  two->Break();
  ASSERT_TRUE(Eventually([&] { return Divided({one.get()}); }))
      << "its session has ended, and the other one reads all";
  EXPECT_EQ(one->place().offsets.at(theirs), 7) << "from where the dead one had come to";
  const auto three = Join(3);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get(), three.get()}); }));
  one->Leave();
  ASSERT_TRUE(one->End().has_value());
  EXPECT_TRUE(one->End()->ok()) << one->End()->error_message();
  EXPECT_TRUE(Eventually([&] { return Divided({three.get()}); }, std::chrono::seconds(4)))
      << "who leaves is not waited for";
}

TEST_F(GrpcGroupsTest, KilledCoordinatorCostsNewStreamsAndNoRebalance) {
  auto one = Join(1), two = Join(2);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get(), two.get()}); }));
  const Member::Place first = one->place(), second = two->place();
  ASSERT_EQ(one->Commit(first.offsets.begin()->first, 5), "");
  const int coordinator = Coordinator();
  ASSERT_NE(coordinator, 0);
  const int other = coordinator % 3 + 1;
  cluster_.Kill(coordinator);
  ASSERT_TRUE(one->End().has_value());
  ASSERT_TRUE(two->End().has_value());
  one = ComeBack(other, one->member_id(), first.generation);
  two = ComeBack(other, two->member_id(), second.generation);
  EXPECT_EQ(one->place().generation, first.generation);
  EXPECT_EQ(two->place().generation, second.generation);
  EXPECT_EQ(one->place().offsets.begin()->second, 5) << "what was committed stays";
  EXPECT_TRUE(Divided({one.get(), two.get()}));
  EXPECT_EQ(one->Commit(first.offsets.begin()->first, 6), "");
  EXPECT_EQ(one->revokes() + two->revokes(), 0);
}

TEST_F(GrpcGroupsTest, GroupGoesOnWhereItEnded) {
  auto one = Join(1);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get()}); }));
  for (int32_t partition = 0; partition < 4; ++partition) {
    EXPECT_EQ(one->place().offsets.at(partition), -1);
    EXPECT_EQ(one->Commit(partition, 10 + partition), "");
  }
  one->Leave();
  ASSERT_TRUE(one->End().has_value());
  one = Join(2);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get()}); }));
  for (int32_t partition = 0; partition < 4; ++partition) {
    EXPECT_EQ(one->place().offsets.at(partition), 10 + partition);
  }
}

TEST_F(GrpcGroupsTest, NewPartitionsAreDividedToo) {
  const auto one = Join(1);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get()}); }));
  ASSERT_TRUE(client_->CreatePartitions("t", 6, kCallMs).ok());
  EXPECT_TRUE(Eventually([&] { return one->place().offsets.size() == 6; }));
}

TEST_F(GrpcGroupsTest, MembersOfOneDoorKeepTheOtherOut) {
  const auto one = Join(1);
  ASSERT_TRUE(Eventually([&] { return Divided({one.get()}); }));
  const std::string kcat = "timeout 20 kcat -b " + cluster_.kafka_address(1) + " -G " + kGroup +
                           " -X auto.offset.reset=earliest -c 1 -d cgrp t 2>&1";
  std::array<char, 4096> line{};
  std::string said;
  FILE* pipe = popen(kcat.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  while (said.find("Inconsistent group protocol") == std::string::npos &&
         fgets(line.data(), line.size(), pipe) != nullptr) {
    said += line.data();
  }
  pclose(pipe);
  EXPECT_THAT(said, HasSubstr("Inconsistent group protocol"));
  EXPECT_TRUE(Divided({one.get()})) << "and nothing has changed for those who are in";
  EXPECT_EQ(one->revokes(), 0);
}

}  // namespace
}  // namespace jangada::integration
