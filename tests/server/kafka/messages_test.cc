// Every message in every version, against the bytes of Kafka's own message classes, and against
// what is no message at all.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "base/random.h"
#include "server/kafka/codec.h"
#include "server/kafka/messages/00_produce.h"
#include "server/kafka/messages/01_fetch.h"
#include "server/kafka/messages/02_list_offsets.h"
#include "server/kafka/messages/03_metadata.h"
#include "server/kafka/messages/08_offset_commit.h"
#include "server/kafka/messages/09_offset_fetch.h"
#include "server/kafka/messages/10_find_coordinator.h"
#include "server/kafka/messages/11_join_group.h"
#include "server/kafka/messages/12_heartbeat.h"
#include "server/kafka/messages/13_leave_group.h"
#include "server/kafka/messages/14_sync_group.h"
#include "server/kafka/messages/15_describe_groups.h"
#include "server/kafka/messages/16_list_groups.h"
#include "server/kafka/messages/18_api_versions.h"
#include "server/kafka/messages/19_create_topics.h"
#include "server/kafka/messages/20_delete_topics.h"
#include "server/kafka/messages/21_delete_records.h"
#include "server/kafka/messages/22_init_producer_id.h"
#include "server/kafka/messages/23_offset_for_leader_epoch.h"
#include "server/kafka/messages/32_describe_configs.h"
#include "server/kafka/messages/33_alter_configs.h"
#include "server/kafka/messages/35_describe_log_dirs.h"
#include "server/kafka/messages/37_create_partitions.h"
#include "server/kafka/messages/42_delete_groups.h"
#include "server/kafka/messages/43_elect_leaders.h"
#include "server/kafka/messages/44_incremental_alter_configs.h"
#include "server/kafka/messages/45_alter_partition_reassignments.h"
#include "server/kafka/messages/46_list_partition_reassignments.h"
#include "server/kafka/messages/47_offset_delete.h"
#include "server/kafka/messages/60_describe_cluster.h"
#include "server/kafka/messages/75_describe_topic_partitions.h"
#include "tests/server/kafka/golden.h"

namespace jangada::server::kafka {
namespace {

using testing::GoldenVector;
using testing::LoadGolden;

struct Outcome {
  bool read = false;
  std::string why;
  size_t left = 0;
  std::string written_again;
};

template <class M>
Outcome ReadAndWrite(const std::string& bytes, int16_t version, bool flexible) {
  Reader reader(Bytes::Copy(bytes));
  reader.SetVersion(version, flexible);
  M message;
  reader.ReadMessage(message);
  if (!reader.ok()) return {.why = reader.Why()};
  Writer writer;
  writer.SetVersion(version, flexible);
  writer.WriteMessage(message);
  Outcome outcome{.read = true, .left = reader.remaining()};
  for (const Bytes& piece : writer.Finish()) outcome.written_again += piece.view();
  outcome.written_again.erase(0, 4);
  return outcome;
}

using Try = std::function<Outcome(const std::string& bytes, const GoldenVector& of)>;

template <class Request>
void Add(std::map<int16_t, Try>* tries) {
  (*tries)[Request::kKey] = [](const std::string& bytes, const GoldenVector& of) {
    const bool flexible = of.version >= Request::kFlexibleSince;
    return of.is_request ? ReadAndWrite<Request>(bytes, of.version, flexible)
                         : ReadAndWrite<typename Request::Response>(bytes, of.version, flexible);
  };
}

template <class... Requests>
std::map<int16_t, Try> AddAll() {
  std::map<int16_t, Try> tries;
  (Add<Requests>(&tries), ...);
  return tries;
}

const std::map<int16_t, Try>& Tries() {
  static const std::map<int16_t, Try> tries =
      AddAll<ProduceRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
             OffsetFetchRequest, FindCoordinatorRequest, JoinGroupRequest, HeartbeatRequest,
             LeaveGroupRequest, SyncGroupRequest, DescribeGroupsRequest, ListGroupsRequest,
             ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DeleteRecordsRequest,
             InitProducerIdRequest, OffsetForLeaderEpochRequest, DescribeConfigsRequest,
             AlterConfigsRequest, DescribeLogDirsRequest, CreatePartitionsRequest,
             ElectLeadersRequest, DeleteGroupsRequest, OffsetDeleteRequest,
             IncrementalAlterConfigsRequest, AlterPartitionReassignmentsRequest,
             ListPartitionReassignmentsRequest, DescribeClusterRequest,
             DescribeTopicPartitionsRequest>();
  return tries;
}

TEST(KafkaMessages, EveryGoldenVectorIsReadAndWrittenBackTheSame) {
  for (const GoldenVector& vector : LoadGolden()) {
    ASSERT_TRUE(Tries().contains(vector.key)) << vector.Name();
    const Outcome outcome = Tries().at(vector.key)(vector.bytes, vector);
    ASSERT_TRUE(outcome.read) << vector.Name() << ": " << outcome.why;
    EXPECT_EQ(outcome.left, 0u) << vector.Name();
    EXPECT_EQ(outcome.written_again, vector.bytes) << vector.Name();
  }
}

TEST(KafkaMessages, EveryTruncationIsRefused) {
  for (const GoldenVector& vector : LoadGolden()) {
    for (size_t size = 0; size < vector.bytes.size(); ++size) {
      const Outcome outcome = Tries().at(vector.key)(vector.bytes.substr(0, size), vector);
      ASSERT_FALSE(outcome.read) << vector.Name() << " cut to " << size << " bytes";
    }
  }
}

TEST(KafkaMessages, DamagedBytesAreReadOrRefusedAndNothingElse) {
  Random random(18);
  for (const GoldenVector& vector : LoadGolden()) {
    for (int round = 0; round < 40; ++round) {
      std::string bytes = vector.bytes;
      for (uint64_t flips = 1 + random.Below(4); flips > 0 && !bytes.empty(); --flips) {
        bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
      }
      Tries().at(vector.key)(bytes, vector);
    }
    std::string noise(random.Below(200), '\0');
    for (char& byte : noise) byte = static_cast<char>(random.Below(256));
    Tries().at(vector.key)(noise, vector);
  }
}

// ---- that fields land where their names say: the values of a "full" vector count up ----

template <class M>
M ReadFull(int16_t key, bool is_request, int16_t version, bool flexible = true) {
  for (const GoldenVector& vector : LoadGolden()) {
    if (vector.key != key || vector.is_request != is_request || vector.version != version ||
        vector.variant != "full") {
      continue;
    }
    Reader reader(Bytes::Copy(vector.bytes));
    reader.SetVersion(version, flexible);
    M message;
    reader.ReadMessage(message);
    EXPECT_TRUE(reader.ok());
    return message;
  }
  ADD_FAILURE() << "no such vector";
  return {};
}

constexpr int32_t Int(int32_t n) { return 0x01020300 + n; }
constexpr int64_t Long(int64_t n) { return 0x0102030405060700 + n; }
constexpr int16_t Short(int16_t n) { return static_cast<int16_t>(0x0100 + n); }

TEST(KafkaMessages, ProduceFieldsLandWhereTheirNamesSay) {
  const auto request = ReadFull<ProduceRequest>(0, true, 11);
  EXPECT_EQ(request.transactional_id, "s1");
  EXPECT_EQ(request.acks, Short(2));
  EXPECT_EQ(request.timeout_ms, Int(3));
  ASSERT_EQ(request.topics.size(), 2u);
  EXPECT_EQ(request.topics[0].name, "s4");
  EXPECT_EQ(request.topics[0].partitions[0].index, Int(5));
  EXPECT_EQ(request.topics[0].partitions[0].records->size(), 86u);

  const auto response = ReadFull<ProduceResponse>(0, false, 11);
  const auto& partition = response.topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.index, Int(2));
  EXPECT_EQ(partition.error_code, static_cast<Code>(Short(3)));
  EXPECT_EQ(partition.base_offset, Long(4));
  EXPECT_EQ(partition.log_append_time_ms, Long(5));
  EXPECT_EQ(partition.log_start_offset, Long(6));
  EXPECT_EQ(partition.record_errors.at(0).batch_index, Int(7));
  EXPECT_EQ(partition.error_message, "s11");
  EXPECT_EQ(partition.current_leader->leader_id, Int(12));
  EXPECT_EQ(partition.current_leader->leader_epoch, Int(13));
}

TEST(KafkaMessages, FetchFieldsLandWhereTheirNamesSay) {
  const auto request = ReadFull<FetchRequest>(1, true, 11, false);
  EXPECT_EQ(request.replica_id, Int(1));
  EXPECT_EQ(request.max_wait_ms, Int(2));
  EXPECT_EQ(request.min_bytes, Int(3));
  EXPECT_EQ(request.max_bytes, Int(4));
  EXPECT_EQ(request.isolation_level, 6);
  EXPECT_EQ(request.session_id, Int(6));
  EXPECT_EQ(request.session_epoch, Int(7));
  const auto& asked = request.topics.at(0).partitions.at(0);
  EXPECT_EQ(request.topics[0].name, "s8");
  EXPECT_EQ(asked.index, Int(9));
  EXPECT_EQ(asked.current_leader_epoch, Int(10));
  EXPECT_EQ(asked.fetch_offset, Long(11));
  EXPECT_EQ(asked.log_start_offset, Long(12));
  EXPECT_EQ(asked.max_bytes, Int(13));

  const auto response = ReadFull<FetchResponse>(1, false, 11, false);
  EXPECT_EQ(response.throttle_time_ms, Int(1));
  EXPECT_EQ(response.session_id, Int(3));
  const auto& partition = response.topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.index, Int(5));
  EXPECT_EQ(partition.error_code, static_cast<Code>(Short(6)));
  EXPECT_EQ(partition.high_watermark, Long(7));
  EXPECT_EQ(partition.last_stable_offset, Long(8));
  EXPECT_EQ(partition.log_start_offset, Long(9));
  EXPECT_EQ(partition.aborted_transactions->at(0).producer_id, Long(10));
  EXPECT_EQ(partition.aborted_transactions->at(0).first_offset, Long(11));
  EXPECT_EQ(partition.preferred_read_replica, Int(14));
}

TEST(KafkaMessages, OffsetAndMetadataFieldsLandWhereTheirNamesSay) {
  const auto listed = ReadFull<ListOffsetsResponse>(2, false, 7).topics.at(0).partitions.at(0);
  EXPECT_EQ(listed.index, Int(3));
  EXPECT_EQ(listed.error_code, static_cast<Code>(Short(4)));
  EXPECT_EQ(listed.timestamp, Long(5));
  EXPECT_EQ(listed.offset, Long(6));
  EXPECT_EQ(listed.leader_epoch, Int(7));

  const auto metadata = ReadFull<MetadataResponse>(3, false, 12);
  EXPECT_EQ(metadata.brokers.at(0).node_id, Int(2));
  EXPECT_EQ(metadata.brokers.at(0).host, "s3");
  EXPECT_EQ(metadata.brokers.at(0).port, Int(4));
  EXPECT_EQ(metadata.controller_id, Int(11));
  const auto& partition = metadata.topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.error_code, static_cast<Code>(Short(15)));
  EXPECT_EQ(partition.index, Int(16));
  EXPECT_EQ(partition.leader_id, Int(17));
  EXPECT_EQ(partition.leader_epoch, Int(18));
  EXPECT_EQ(partition.replica_nodes, (std::vector<int32_t>{Int(19), Int(20)}));
  EXPECT_EQ(partition.isr_nodes, (std::vector<int32_t>{Int(21), Int(22)}));
  EXPECT_EQ(partition.offline_replicas, (std::vector<int32_t>{Int(23), Int(24)}));
}

TEST(KafkaMessages, GroupFieldsLandWhereTheirNamesSay) {
  const auto join = ReadFull<JoinGroupRequest>(11, true, 9);
  EXPECT_EQ(join.group_id, "s1");
  EXPECT_EQ(join.session_timeout_ms, Int(2));
  EXPECT_EQ(join.rebalance_timeout_ms, Int(3));
  EXPECT_EQ(join.member_id, "s4");
  EXPECT_EQ(join.group_instance_id->substr(0, 2), "s5");
  EXPECT_EQ(join.protocol_type, "s6");
  EXPECT_EQ(join.protocols.at(0).name, "s7");
  EXPECT_EQ(join.protocols.at(0).metadata.size(), 88u);
  EXPECT_EQ(join.reason, "s11");

  const auto joined = ReadFull<JoinGroupResponse>(11, false, 9);
  EXPECT_EQ(joined.error_code, static_cast<Code>(Short(2)));
  EXPECT_EQ(joined.generation_id, Int(3));
  EXPECT_EQ(joined.protocol_type, "s4");
  EXPECT_EQ(joined.protocol_name->substr(0, 2), "s5");
  EXPECT_EQ(joined.leader, "s6");
  EXPECT_TRUE(joined.skip_assignment);
  EXPECT_EQ(joined.member_id, "s7");
  EXPECT_EQ(joined.members.at(0).member_id, "s8");
  EXPECT_EQ(joined.members.at(0).group_instance_id, "s9");

  const auto sync = ReadFull<SyncGroupRequest>(14, true, 5);
  EXPECT_EQ(sync.group_id, "s1");
  EXPECT_EQ(sync.generation_id, Int(2));
  EXPECT_EQ(sync.member_id, "s3");
  EXPECT_EQ(sync.group_instance_id, "s4");
  EXPECT_EQ(sync.protocol_type->substr(0, 2), "s5");
  EXPECT_EQ(sync.protocol_name, "s6");
  EXPECT_EQ(sync.assignments.at(0).member_id, "s7");

  const auto leave = ReadFull<LeaveGroupRequest>(13, true, 5);
  EXPECT_EQ(leave.group_id, "s1");
  EXPECT_EQ(leave.members.at(0).member_id, "s2");
  EXPECT_EQ(leave.members.at(0).group_instance_id, "s3");
  EXPECT_EQ(leave.members.at(0).reason, "s4");

  const auto described = ReadFull<DescribeGroupsResponse>(15, false, 5).groups.at(0);
  EXPECT_EQ(described.error_code, static_cast<Code>(Short(2)));
  EXPECT_EQ(described.group_id, "s3");
  EXPECT_EQ(described.group_state, "s4");
  EXPECT_EQ(described.protocol_type.substr(0, 2), "s5");
  EXPECT_EQ(described.protocol_data, "s6");
  EXPECT_EQ(described.members.at(0).member_id, "s7");
  EXPECT_EQ(described.members.at(0).group_instance_id, "s8");
  EXPECT_EQ(described.members.at(0).client_id, "s9");
  EXPECT_EQ(described.members.at(0).client_host.substr(0, 3), "s10");
  EXPECT_EQ(described.members.at(0).member_metadata.size(), 91u);
  EXPECT_EQ(described.members.at(0).member_assignment.size(), 92u);
}

TEST(KafkaMessages, CommittedOffsetsLandWhereTheirNamesSay) {
  const auto commit = ReadFull<OffsetCommitRequest>(8, true, 9);
  EXPECT_EQ(commit.group_id, "s1");
  EXPECT_EQ(commit.generation_id, Int(2));
  EXPECT_EQ(commit.member_id, "s3");
  EXPECT_EQ(commit.group_instance_id, "s4");
  const auto& committed = commit.topics.at(0).partitions.at(0);
  EXPECT_EQ(commit.topics[0].name.substr(0, 2), "s5");
  EXPECT_EQ(committed.index, Int(6));
  EXPECT_EQ(committed.committed_offset, Long(7));
  EXPECT_EQ(committed.committed_leader_epoch, Int(8));
  EXPECT_EQ(committed.committed_metadata, "s9");

  const auto fetched = ReadFull<OffsetFetchResponse>(9, false, 9).groups.at(0);
  EXPECT_EQ(fetched.group_id, "s2");
  EXPECT_EQ(fetched.topics.at(0).name, "s3");
  const auto& partition = fetched.topics[0].partitions.at(0);
  EXPECT_EQ(partition.index, Int(4));
  EXPECT_EQ(partition.committed_offset, Long(5));
  EXPECT_EQ(partition.committed_leader_epoch, Int(6));
  EXPECT_EQ(partition.metadata, "s7");
  EXPECT_EQ(partition.error_code, static_cast<Code>(Short(8)));

  const auto found = ReadFull<FindCoordinatorResponse>(10, false, 4).coordinators.at(0);
  EXPECT_EQ(found.key, "s2");
  EXPECT_EQ(found.node_id, Int(3));
  EXPECT_EQ(found.host, "s4");
  EXPECT_EQ(found.port, Int(5));
  EXPECT_EQ(found.error_code, static_cast<Code>(Short(6)));
  EXPECT_EQ(found.error_message, "s7");
}

}  // namespace
}  // namespace jangada::server::kafka
