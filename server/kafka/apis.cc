#include "server/kafka/apis.h"

#include <algorithm>
#include <utility>

#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {
namespace {

template <class Request, void (*kHandle)(Call<Request>)>
void Serve(Incoming incoming) {
  Request request;
  incoming.body.ReadMessage(request);
  if (!incoming.body.ok()) {
    Door& door = incoming.door;
    door.meter.Ended(incoming.place, door.NowUs() - incoming.began_us, /*in_error=*/true);
    incoming.done(Reply{.close = "a request could not be read: " + incoming.body.Why()});
    return;
  }
  kHandle(Call<Request>(std::move(incoming), std::move(request)));
}

struct Versions {
  int16_t min = 0;
  int16_t max = 0;
  int16_t advertised_min = kNoVersion;  // unless it is min
  bool parks = false;
};

template <class Request, void (*kHandle)(Call<Request>)>
Api Row(const char* name, Versions versions) {
  return {.key = Request::kKey,
          .name = name,
          .min_version = versions.min,
          .max_version = versions.max,
          .advertised_min = std::min(versions.min, versions.advertised_min),
          .flexible_since = Request::kFlexibleSince,
          .parks = versions.parks,
          .serve = &Serve<Request, kHandle>};
}

}  // namespace

const std::vector<Api>& Apis() {
  static const std::vector<Api> table = {
      // librdkafka before 2.11 turns compression off where Produce does not begin at 0.
      Row<ProduceRequest, HandleProduce>("Produce", {.min = 3, .max = 11, .advertised_min = 0}),
      Row<FetchRequest, HandleFetch>("Fetch", {.min = 4, .max = 16}),
      Row<ListOffsetsRequest, HandleListOffsets>("ListOffsets", {.min = 1, .max = 7}),
      Row<MetadataRequest, HandleMetadata>("Metadata", {.min = 0, .max = 12}),
      Row<OffsetCommitRequest, HandleOffsetCommit>("OffsetCommit", {.min = 1, .max = 9}),
      Row<OffsetFetchRequest, HandleOffsetFetch>("OffsetFetch", {.min = 1, .max = 9}),
      Row<FindCoordinatorRequest, HandleFindCoordinator>("FindCoordinator", {.min = 0, .max = 4}),
      Row<JoinGroupRequest, HandleJoinGroup>("JoinGroup", {.min = 0, .max = 9, .parks = true}),
      Row<HeartbeatRequest, HandleHeartbeat>("Heartbeat", {.min = 0, .max = 4}),
      Row<LeaveGroupRequest, HandleLeaveGroup>("LeaveGroup", {.min = 0, .max = 5}),
      Row<SyncGroupRequest, HandleSyncGroup>("SyncGroup", {.min = 0, .max = 5, .parks = true}),
      Row<DescribeGroupsRequest, HandleDescribeGroups>("DescribeGroups", {.min = 0, .max = 5}),
      Row<ListGroupsRequest, HandleListGroups>("ListGroups", {.min = 0, .max = 5}),
      Row<ApiVersionsRequest, HandleApiVersions>("ApiVersions", {.min = 0, .max = 4}),
      Row<CreateTopicsRequest, HandleCreateTopics>("CreateTopics", {.min = 0, .max = 7}),
      Row<DeleteTopicsRequest, HandleDeleteTopics>("DeleteTopics", {.min = 0, .max = 6}),
      Row<DeleteRecordsRequest, HandleDeleteRecords>("DeleteRecords", {.min = 0, .max = 2}),
      Row<InitProducerIdRequest, HandleInitProducerId>("InitProducerId", {.min = 0, .max = 4}),
      Row<OffsetForLeaderEpochRequest, HandleOffsetForLeaderEpoch>("OffsetForLeaderEpoch",
                                                                   {.min = 2, .max = 4}),
      Row<DescribeConfigsRequest, HandleDescribeConfigs>("DescribeConfigs", {.min = 0, .max = 4}),
      Row<AlterConfigsRequest, HandleAlterConfigs>("AlterConfigs", {.min = 0, .max = 2}),
      Row<DescribeLogDirsRequest, HandleDescribeLogDirs>("DescribeLogDirs", {.min = 0, .max = 4}),
      Row<CreatePartitionsRequest, HandleCreatePartitions>("CreatePartitions",
                                                           {.min = 0, .max = 3}),
      Row<DeleteGroupsRequest, HandleDeleteGroups>("DeleteGroups", {.min = 0, .max = 2}),
      Row<ElectLeadersRequest, HandleElectLeaders>("ElectLeaders", {.min = 0, .max = 2}),
      Row<IncrementalAlterConfigsRequest, HandleIncrementalAlterConfigs>("IncrementalAlterConfigs",
                                                                         {.min = 0, .max = 1}),
      Row<AlterPartitionReassignmentsRequest, HandleAlterPartitionReassignments>(
          "AlterPartitionReassignments", {.min = 0, .max = 0}),
      Row<ListPartitionReassignmentsRequest, HandleListPartitionReassignments>(
          "ListPartitionReassignments", {.min = 0, .max = 0}),
      Row<OffsetDeleteRequest, HandleOffsetDelete>("OffsetDelete", {.min = 0, .max = 0}),
      Row<DescribeClusterRequest, HandleDescribeCluster>("DescribeCluster", {.min = 0, .max = 1}),
      Row<DescribeTopicPartitionsRequest, HandleDescribeTopicPartitions>("DescribeTopicPartitions",
                                                                         {.min = 0, .max = 0}),
  };
  return table;
}

const Api* FindApi(int16_t key) {
  const std::vector<Api>& table = Apis();
  const auto found = std::lower_bound(table.begin(), table.end(), key,
                                      [](const Api& api, int16_t k) { return api.key < k; });
  return found == table.end() || found->key != key ? nullptr : &*found;
}

ApiVersionsResponse AdvertisedVersions() {
  ApiVersionsResponse response;
  for (const Api& api : Apis()) {
    response.api_keys.push_back({api.key, api.advertised_min, api.max_version});
  }
  return response;
}

}  // namespace jangada::server::kafka
