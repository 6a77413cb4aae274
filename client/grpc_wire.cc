// Wire over gRPC: each call fills a request, starts it, and turns the answer into plain C++.
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "client/grpc_calls.h"
#include "client/grpc_views.h"
#include "jangada/v1/admin.grpc.pb.h"
#include "jangada/v1/group.grpc.pb.h"
#include "jangada/v1/log.grpc.pb.h"

namespace jangada::client {
namespace {

/// What a call needs until gRPC is done with it.
template <class Request, class Response, class T>
struct Call {
  grpc::ClientContext context;
  Request request;
  Response response;
  std::string node;
  Done<T> done;
};

// The longest waits that nodes take (admin.proto).
constexpr int64_t kMostCreateMs = 120'000;
constexpr int64_t kMostDescribeWaitMs = 60'000;

/// A wait that the node ends by itself, with an answer, before our deadline cuts it off.
int32_t WithinDeadline(int64_t timeout_ms, int64_t most_ms) {
  return static_cast<int32_t>(std::clamp<int64_t>(timeout_ms / 10 * 9, 1, most_ms));
}

std::vector<Reply<OffsetAnswer>> ToOffsets(const v1::ListOffsetsResponse& response) {
  std::vector<Reply<OffsetAnswer>> offsets;
  for (const v1::ListOffsetsResponse::Answer& answer : response.answers()) {
    if (answer.has_error()) {
      offsets.emplace_back(FailureOf(answer.error()));
    } else {
      offsets.emplace_back(OffsetAnswer{.offset = answer.offset(),
                                        .timestamp_ms = answer.timestamp_ms(),
                                        .leader_epoch = answer.leader_epoch()});
    }
  }
  return offsets;
}

template <class Response>
Nothing ToNothing(const Response&) {
  return {};
}

class GrpcWire final : public Wire {
 public:
  explicit GrpcWire(Executor& events) : events_(events) {}
  ~GrpcWire() override { calls_.CancelAndWait(); }

  std::unique_ptr<ProduceStream> OpenProduceStream(const std::string& node,
                                                   ProduceStreamEvents events) override {
    return OpenGrpcProduceStream(channels_.To(node), node, calls_, events_, std::move(events));
  }

  void InitProducer(const std::string& node, int64_t timeout_ms,
                    Done<ProducerIdentity> done) override {
    auto call = NewCall<v1::InitProducerRequest, v1::InitProducerResponse>(node, timeout_ms,
                                                                           std::move(done));
    Start<v1::Log>(call, &v1::Log::Stub::async_interface::InitProducer,
                   [](const v1::InitProducerResponse& response) {
                     return ProducerIdentity{response.producer_id(),
                                             static_cast<int16_t>(response.producer_epoch())};
                   });
  }

  void Fetch(const std::string& node, const TopicPartition& where, int64_t offset,
             int32_t max_bytes, int64_t max_wait_ms, int64_t timeout_ms,
             Done<Fetched> done) override {
    auto call = NewCall<v1::FetchRequest, v1::FetchResponse>(node, timeout_ms, std::move(done));
    ForbidForwarding(&call->context);
    call->request.set_topic(where.topic);
    call->request.set_partition(where.partition);
    call->request.set_offset(offset);
    call->request.set_max_bytes(max_bytes);
    call->request.set_min_bytes(max_wait_ms > 0 ? 1 : 0);
    call->request.set_max_wait_ms(static_cast<int32_t>(max_wait_ms));
    call->request.set_format(v1::RECORD_FORMAT_BATCHES);
    Start<v1::Log>(call, &v1::Log::Stub::async_interface::Fetch, ToFetched);
  }

  void ListOffsets(const std::string& node, const std::vector<OffsetQuery>& queries,
                   int64_t timeout_ms, Done<std::vector<Reply<OffsetAnswer>>> done) override {
    auto call =
        NewCall<v1::ListOffsetsRequest, v1::ListOffsetsResponse>(node, timeout_ms, std::move(done));
    for (const OffsetQuery& query : queries) {
      v1::ListOffsetsRequest::Query* out = call->request.add_queries();
      out->set_topic(query.where.topic);
      out->set_partition(query.where.partition);
      switch (query.at) {
        case OffsetQuery::At::kEarliest: out->set_at(v1::OFFSET_AT_EARLIEST); break;
        case OffsetQuery::At::kLatest: out->set_at(v1::OFFSET_AT_LATEST); break;
        case OffsetQuery::At::kTimestamp: out->set_timestamp_ms(query.timestamp_ms); break;
        case OffsetQuery::At::kMaxTimestamp: out->set_at(v1::OFFSET_AT_MAX_TIMESTAMP); break;
      }
    }
    Start<v1::Log>(call, &v1::Log::Stub::async_interface::ListOffsets, ToOffsets);
  }

  void CreateTopic(const std::string& node, const NewTopic& topic, int64_t timeout_ms,
                   Done<std::string> done) override {
    auto call =
        NewCall<v1::CreateTopicRequest, v1::CreateTopicResponse>(node, timeout_ms, std::move(done));
    call->request.set_name(topic.name);
    call->request.set_partitions(topic.partitions);
    call->request.set_replication_factor(topic.replication_factor);
    call->request.mutable_configs()->insert(topic.configs.begin(), topic.configs.end());
    for (const std::vector<int32_t>& nodes : topic.assignment) {
      call->request.add_assignment()->mutable_node_ids()->Add(nodes.begin(), nodes.end());
    }
    call->request.set_validate_only(topic.validate_only);
    call->request.set_timeout_ms(WithinDeadline(timeout_ms, kMostCreateMs));
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::CreateTopic,
                     [](const v1::CreateTopicResponse& response) { return response.topic_id(); });
  }

  void DeleteTopic(const std::string& node, const std::string& name, int64_t timeout_ms,
                   Done<Nothing> done) override {
    auto call =
        NewCall<v1::DeleteTopicRequest, v1::DeleteTopicResponse>(node, timeout_ms, std::move(done));
    call->request.set_name(name);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::DeleteTopic,
                     ToNothing<v1::DeleteTopicResponse>);
  }

  void AlterTopicConfigs(const std::string& node, const std::string& topic,
                         const ConfigChanges& changes, int64_t timeout_ms,
                         Done<Nothing> done) override {
    auto call = NewCall<v1::AlterTopicConfigsRequest, v1::AlterTopicConfigsResponse>(
        node, timeout_ms, std::move(done));
    call->request.set_topic(topic);
    call->request.mutable_set()->insert(changes.set.begin(), changes.set.end());
    for (const std::string& key : changes.reset) call->request.add_reset(key);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::AlterTopicConfigs,
                     ToNothing<v1::AlterTopicConfigsResponse>);
  }

  void CreatePartitions(const std::string& node, const std::string& topic, int32_t total,
                        int64_t timeout_ms, Done<Nothing> done) override {
    auto call = NewCall<v1::CreatePartitionsRequest, v1::CreatePartitionsResponse>(node, timeout_ms,
                                                                                   std::move(done));
    call->request.set_topic(topic);
    call->request.set_total(total);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::CreatePartitions,
                     ToNothing<v1::CreatePartitionsResponse>);
  }

  void ListTopics(const std::string& node, int64_t timeout_ms,
                  Done<std::vector<TopicEntry>> done) override {
    auto call =
        NewCall<v1::ListTopicsRequest, v1::ListTopicsResponse>(node, timeout_ms, std::move(done));
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::ListTopics,
                     [](const v1::ListTopicsResponse& response) {
                       std::vector<TopicEntry> topics;
                       for (const auto& topic : response.topics()) {
                         topics.push_back({topic.name(), topic.topic_id(), topic.partitions(),
                                           topic.replication_factor()});
                       }
                       return topics;
                     });
  }

  void DescribeTopics(const std::string& node, const std::vector<std::string>& names,
                      int64_t timeout_ms, Done<TopicsView> done) override {
    auto call = NewCall<v1::DescribeTopicsRequest, v1::DescribeTopicsResponse>(node, timeout_ms,
                                                                               std::move(done));
    for (const std::string& name : names) call->request.add_names(name);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::DescribeTopics,
                     [](const v1::DescribeTopicsResponse& response) {
                       TopicsView view{.topics = {}, .nodes = ToNodes(response.nodes())};
                       for (const v1::Topic& topic : response.topics()) {
                         view.topics.push_back(ToView(topic));
                       }
                       return view;
                     });
  }

  void DescribeCluster(const std::string& node, int64_t timeout_ms,
                       Done<ClusterView> done) override {
    auto call = NewCall<v1::DescribeClusterRequest, v1::DescribeClusterResponse>(node, timeout_ms,
                                                                                 std::move(done));
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::DescribeCluster,
                     [](const v1::DescribeClusterResponse& response) {
                       return ClusterView{.cluster_id = response.cluster_id(),
                                          .answered_by = response.node_id(),
                                          .controller = response.controller_node_id(),
                                          .nodes = ToNodes(response.nodes())};
                     });
  }

  void DescribePartitions(const std::string& node, const std::vector<std::string>& topics,
                          int64_t timeout_ms, Done<std::vector<PartitionStateView>> done) override {
    auto call = NewCall<v1::DescribePartitionsRequest, v1::DescribePartitionsResponse>(
        node, timeout_ms, std::move(done));
    for (const std::string& topic : topics) call->request.add_topics(topic);
    call->request.set_max_wait_ms(WithinDeadline(timeout_ms / 2, kMostDescribeWaitMs));
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::DescribePartitions,
                     [](const v1::DescribePartitionsResponse& response) {
                       std::vector<PartitionStateView> partitions;
                       for (const v1::PartitionState& state : response.partitions()) {
                         partitions.push_back(ToView(state));
                       }
                       return partitions;
                     });
  }

  void TransferLeadership(const std::string& node, const TopicPartition& where, int32_t to,
                          int64_t timeout_ms, Done<Nothing> done) override {
    auto call = NewCall<v1::TransferLeadershipRequest, v1::TransferLeadershipResponse>(
        node, timeout_ms, std::move(done));
    call->request.set_topic(where.topic);
    call->request.set_partition(where.partition);
    call->request.set_to_node_id(to);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::TransferLeadership,
                     ToNothing<v1::TransferLeadershipResponse>);
  }

  void MovePartition(const std::string& node, const TopicPartition& where,
                     const std::vector<int32_t>& replicas, int64_t timeout_ms,
                     Done<Nothing> done) override {
    auto call = NewCall<v1::MovePartitionRequest, v1::MovePartitionResponse>(node, timeout_ms,
                                                                             std::move(done));
    call->request.set_topic(where.topic);
    call->request.set_partition(where.partition);
    for (const int32_t replica : replicas) call->request.add_replicas(replica);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::MovePartition,
                     ToNothing<v1::MovePartitionResponse>);
  }

  void DeleteRecords(const std::string& node, const TopicPartition& where, int64_t before_offset,
                     int64_t timeout_ms, Done<int64_t> done) override {
    auto call = NewCall<v1::DeleteRecordsRequest, v1::DeleteRecordsResponse>(node, timeout_ms,
                                                                             std::move(done));
    call->request.set_topic(where.topic);
    call->request.set_partition(where.partition);
    call->request.set_before_offset(before_offset);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::DeleteRecords,
                     [](const v1::DeleteRecordsResponse& response) {
                       return int64_t{response.log_start_offset()};
                     });
  }

  void AddNode(const std::string& node, int32_t id, int64_t timeout_ms,
               Done<Nothing> done) override {
    auto call = NewCall<v1::AddNodeRequest, v1::AddNodeResponse>(node, timeout_ms, std::move(done));
    call->request.set_node_id(id);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::AddNode,
                     ToNothing<v1::AddNodeResponse>);
  }

  void RemoveNode(const std::string& node, int32_t id, int64_t timeout_ms,
                  Done<Nothing> done) override {
    auto call =
        NewCall<v1::RemoveNodeRequest, v1::RemoveNodeResponse>(node, timeout_ms, std::move(done));
    call->request.set_node_id(id);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::RemoveNode,
                     ToNothing<v1::RemoveNodeResponse>);
  }

  void GetLogLevel(const std::string& node, int64_t timeout_ms, Done<LogLevelView> done) override {
    auto call =
        NewCall<v1::GetLogLevelRequest, v1::GetLogLevelResponse>(node, timeout_ms, std::move(done));
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::GetLogLevel,
                     [](const v1::GetLogLevelResponse& response) {
                       return LogLevelView{response.node_id(), response.level()};
                     });
  }

  void SetLogLevel(const std::string& node, const std::string& level, int64_t timeout_ms,
                   Done<LogLevelView> done) override {
    auto call =
        NewCall<v1::SetLogLevelRequest, v1::SetLogLevelResponse>(node, timeout_ms, std::move(done));
    call->request.set_level(level);
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::SetLogLevel,
                     [](const v1::SetLogLevelResponse& response) {
                       return LogLevelView{response.node_id(), response.previous_level()};
                     });
  }

  void DescribeConfig(const std::string& node, int64_t timeout_ms, Done<ConfigView> done) override {
    auto call = NewCall<v1::DescribeConfigRequest, v1::DescribeConfigResponse>(node, timeout_ms,
                                                                               std::move(done));
    Start<v1::Admin>(call, &v1::Admin::Stub::async_interface::DescribeConfig,
                     [](const v1::DescribeConfigResponse& response) { return ToView(response); });
  }

  void ListGroups(const std::string& node, int64_t timeout_ms, Done<GroupListView> done) override {
    auto call =
        NewCall<v1::ListGroupsRequest, v1::ListGroupsResponse>(node, timeout_ms, std::move(done));
    Start<v1::ConsumerGroup>(
        call, &v1::ConsumerGroup::Stub::async_interface::ListGroups,
        [](const v1::ListGroupsResponse& response) { return ToView(response); });
  }

  void DescribeGroup(const std::string& node, const std::string& group, int64_t timeout_ms,
                     Done<GroupView> done) override {
    auto call = NewCall<v1::DescribeGroupRequest, v1::DescribeGroupResponse>(node, timeout_ms,
                                                                             std::move(done));
    call->request.set_group(group);
    Start<v1::ConsumerGroup>(
        call, &v1::ConsumerGroup::Stub::async_interface::DescribeGroup,
        [group](const v1::DescribeGroupResponse& response) { return ToView(group, response); });
  }

  void DeleteGroup(const std::string& node, const std::string& group, int64_t timeout_ms,
                   Done<Nothing> done) override {
    auto call =
        NewCall<v1::DeleteGroupRequest, v1::DeleteGroupResponse>(node, timeout_ms, std::move(done));
    call->request.set_group(group);
    Start<v1::ConsumerGroup>(call, &v1::ConsumerGroup::Stub::async_interface::DeleteGroup,
                             ToNothing<v1::DeleteGroupResponse>);
  }

  void CommitOffsets(const std::string& node, const std::string& group,
                     const std::vector<GroupOffset>& offsets, int64_t timeout_ms,
                     Done<Nothing> done) override {
    using Failures = std::vector<Failure>;
    auto call = NewCall<v1::CommitOffsetsRequest, v1::CommitOffsetsResponse>(
        node, timeout_ms, Done<Failures>([done = std::move(done)](Reply<Failures> reply) mutable {
          if (!reply.ok()) return done(reply.failure());
          if (!reply.value().empty()) return done(reply.value().front());
          done(Nothing());
        }));
    call->request.set_group(group);
    for (const GroupOffset& offset : offsets) {
      auto* out = call->request.add_offsets();
      out->set_topic(offset.where.topic);
      out->set_partition(offset.where.partition);
      out->set_offset(offset.offset);
      out->set_metadata(offset.metadata);
    }
    Start<v1::ConsumerGroup>(call, &v1::ConsumerGroup::Stub::async_interface::CommitOffsets,
                             [](const v1::CommitOffsetsResponse& response) {
                               Failures failures;
                               for (const auto& failed : response.failed()) {
                                 failures.push_back(FailureOf(failed.error()));
                               }
                               return failures;
                             });
  }

  /// grpc.health.v1.Health/Check, without code generated from its .proto file: the request is empty
  /// for the whole server, the answer has a number in field 1.
  void CheckHealth(const std::string& node, int64_t timeout_ms, Done<bool> done) override {
    auto call = NewCall<google::protobuf::Empty, google::protobuf::Int32Value>(node, timeout_ms,
                                                                               std::move(done));
    calls_.Add(&call->context, call);
    grpc::TemplatedGenericStub<google::protobuf::Empty, google::protobuf::Int32Value> stub(
        channels_.To(node));
    stub.UnaryCall(&call->context, "/grpc.health.v1.Health/Check", {}, &call->request,
                   &call->response, [this, call = call.get()](const grpc::Status& status) {
                     constexpr int32_t kServing = 1;
                     Finish(call, status, call->response.value() == kServing);
                   });
  }

 private:
  template <class Request, class Response, class T>
  std::shared_ptr<Call<Request, Response, T>> NewCall(const std::string& node, int64_t timeout_ms,
                                                      Done<T> done) {
    auto call = std::make_shared<Call<Request, Response, T>>();
    SetDeadline(&call->context, timeout_ms);
    call->node = node;
    call->done = std::move(done);
    return call;
  }

  /// Starts `call`; its answer goes through `convert` on gRPC's thread and is posted.
  template <class Service, class Request, class Response, class T, class Convert>
  void Start(const std::shared_ptr<Call<Request, Response, T>>& call,
             void (Service::Stub::async_interface::*method)(grpc::ClientContext*, const Request*,
                                                            Response*,
                                                            std::function<void(grpc::Status)>),
             Convert convert) {
    calls_.Add(&call->context, call);
    const auto stub = Service::NewStub(channels_.To(call->node));
    (stub->async()->*method)(&call->context, &call->request, &call->response,
                             [this, call = call.get(), convert](const grpc::Status& status) {
                               Finish(call, status, status.ok() ? T(convert(call->response)) : T());
                             });
  }

  /// On gRPC's thread, once.
  template <class Request, class Response, class T>
  void Finish(Call<Request, Response, T>* call, const grpc::Status& status, T value) {
    Reply<T> reply =
        status.ok() ? Reply<T>(std::move(value)) : Reply<T>(FailureOf(status, call->node));
    events_.Post([done = std::move(call->done), reply = std::move(reply)]() mutable {
      done(std::move(reply));
    });
    calls_.Remove(&call->context);  // after this the Wire may go
  }

  Executor& events_;
  Channels channels_;
  CallsUnderWay calls_;
};

}  // namespace

std::unique_ptr<Wire> MakeGrpcWire(Executor& events) { return std::make_unique<GrpcWire>(events); }

}  // namespace jangada::client
