// All handlers: what each key and version does stands at the head of its file. A handler is called
// on the connection's thread and must not block; it may end its call on any thread.
#pragma once

#include "server/kafka/call.h"
#include "server/kafka/messages/00_produce.h"
#include "server/kafka/messages/01_fetch.h"
#include "server/kafka/messages/02_list_offsets.h"
#include "server/kafka/messages/03_metadata.h"
#include "server/kafka/messages/18_api_versions.h"
#include "server/kafka/messages/19_create_topics.h"
#include "server/kafka/messages/20_delete_topics.h"
#include "server/kafka/messages/21_delete_records.h"
#include "server/kafka/messages/22_init_producer_id.h"
#include "server/kafka/messages/23_offset_for_leader_epoch.h"
#include "server/kafka/messages/32_describe_configs.h"
#include "server/kafka/messages/33_alter_configs.h"
#include "server/kafka/messages/37_create_partitions.h"
#include "server/kafka/messages/43_elect_leaders.h"
#include "server/kafka/messages/44_incremental_alter_configs.h"
#include "server/kafka/messages/45_alter_partition_reassignments.h"
#include "server/kafka/messages/46_list_partition_reassignments.h"
#include "server/kafka/messages/60_describe_cluster.h"
#include "server/kafka/messages/75_describe_topic_partitions.h"

namespace jangada::server::kafka {

void HandleProduce(Call<ProduceRequest> call);
void HandleFetch(Call<FetchRequest> call);
void HandleListOffsets(Call<ListOffsetsRequest> call);
void HandleMetadata(Call<MetadataRequest> call);
void HandleApiVersions(Call<ApiVersionsRequest> call);
void HandleCreateTopics(Call<CreateTopicsRequest> call);
void HandleDeleteTopics(Call<DeleteTopicsRequest> call);
void HandleDeleteRecords(Call<DeleteRecordsRequest> call);
void HandleInitProducerId(Call<InitProducerIdRequest> call);
void HandleOffsetForLeaderEpoch(Call<OffsetForLeaderEpochRequest> call);
void HandleDescribeConfigs(Call<DescribeConfigsRequest> call);
void HandleAlterConfigs(Call<AlterConfigsRequest> call);
void HandleCreatePartitions(Call<CreatePartitionsRequest> call);
void HandleElectLeaders(Call<ElectLeadersRequest> call);
void HandleIncrementalAlterConfigs(Call<IncrementalAlterConfigsRequest> call);
void HandleAlterPartitionReassignments(Call<AlterPartitionReassignmentsRequest> call);
void HandleListPartitionReassignments(Call<ListPartitionReassignmentsRequest> call);
void HandleDescribeCluster(Call<DescribeClusterRequest> call);
void HandleDescribeTopicPartitions(Call<DescribeTopicPartitionsRequest> call);

}  // namespace jangada::server::kafka
