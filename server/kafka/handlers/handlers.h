// All handlers: what each key and version does stands at the head of its file. A handler is called
// on the connection's thread and must not block; it may end its call on any thread.
#pragma once

#include "server/kafka/call.h"
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

namespace jangada::server::kafka {

void HandleProduce(Call<ProduceRequest> call);
void HandleFetch(Call<FetchRequest> call);
void HandleListOffsets(Call<ListOffsetsRequest> call);
void HandleMetadata(Call<MetadataRequest> call);
void HandleOffsetCommit(Call<OffsetCommitRequest> call);
void HandleOffsetFetch(Call<OffsetFetchRequest> call);
void HandleFindCoordinator(Call<FindCoordinatorRequest> call);
void HandleJoinGroup(Call<JoinGroupRequest> call);
void HandleHeartbeat(Call<HeartbeatRequest> call);
void HandleLeaveGroup(Call<LeaveGroupRequest> call);
void HandleSyncGroup(Call<SyncGroupRequest> call);
void HandleDescribeGroups(Call<DescribeGroupsRequest> call);
void HandleListGroups(Call<ListGroupsRequest> call);
void HandleApiVersions(Call<ApiVersionsRequest> call);
void HandleCreateTopics(Call<CreateTopicsRequest> call);
void HandleDeleteTopics(Call<DeleteTopicsRequest> call);
void HandleDeleteRecords(Call<DeleteRecordsRequest> call);
void HandleInitProducerId(Call<InitProducerIdRequest> call);
void HandleOffsetForLeaderEpoch(Call<OffsetForLeaderEpochRequest> call);
void HandleDescribeConfigs(Call<DescribeConfigsRequest> call);
void HandleAlterConfigs(Call<AlterConfigsRequest> call);
void HandleDescribeLogDirs(Call<DescribeLogDirsRequest> call);
void HandleCreatePartitions(Call<CreatePartitionsRequest> call);
void HandleDeleteGroups(Call<DeleteGroupsRequest> call);
void HandleElectLeaders(Call<ElectLeadersRequest> call);
void HandleIncrementalAlterConfigs(Call<IncrementalAlterConfigsRequest> call);
void HandleAlterPartitionReassignments(Call<AlterPartitionReassignmentsRequest> call);
void HandleListPartitionReassignments(Call<ListPartitionReassignmentsRequest> call);
void HandleOffsetDelete(Call<OffsetDeleteRequest> call);
void HandleDescribeCluster(Call<DescribeClusterRequest> call);
void HandleDescribeTopicPartitions(Call<DescribeTopicPartitionsRequest> call);

}  // namespace jangada::server::kafka
