#include "server/grpc/group_service.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/countdown.h"
#include "server/grpc/at_coordinator.h"
#include "server/grpc/group_arguments.h"
#include "server/grpc/group_convert.h"
#include "server/grpc/group_lag.h"

namespace jangada::server::grpc_door {
namespace {

/// How long a node that is asked for its groups, or for a partition's end, may take.
constexpr int64_t kPartUs = 3'000'000;

/// The answers of all nodes, put together.
struct Listing {
  std::mutex mutex;
  v1::ListGroupsResponse* response;  // under mutex, until all have answered

  void Add(NodeId node, const Result<v1::ListGroupsResponse>& part) {
    const std::lock_guard lock(mutex);
    if (!part.ok()) return response->add_unanswered_node_ids(node.value());
    for (const auto& group : part->groups()) *response->add_groups() = group;
  }
};

void ListHere(Door& door, Callback<Result<v1::ListGroupsResponse>> done) {
  door.broker.groups().List([&door, done = std::move(done)](const GroupList& list) mutable {
    if (list.error != GroupError::kNone) {
      return done(Error{ErrorCode::kUnavailable,
                        "This node is taking consumer groups over: try again shortly."});
    }
    v1::ListGroupsResponse response;
    for (const ListedGroup& group : list.groups) {
      auto* entry = response.add_groups();
      entry->set_group(group.id);
      entry->set_state(ToProto(group.state));
      entry->set_door(DoorOf(group.protocol_type));
      entry->set_coordinator_node_id(door.broker.self().value());
    }
    done(std::move(response));
  });
}

void ListAt(Door& door, NodeId node, const CallScope& scope,
            Callback<Result<v1::ListGroupsResponse>> done) {
  if (node == door.broker.self()) return ListHere(door, std::move(done));
  auto peer = door.router.PeerOf(node);
  if (peer == nullptr) return done(Error{ErrorCode::kUnavailable, "It has no address yet."});
  auto* stub = peer->groups.async();
  Forward<GroupAsync, v1::ListGroupsRequest, v1::ListGroupsResponse>(
      std::move(peer), stub, &GroupAsync::ListGroups, {}, scope,
      std::min(scope.deadline, AfterNow(kPartUs)), std::move(done));
}

/// A line of each partition that is committed or assigned, in their order.
void AddPartitions(const FetchedOffsets& offsets, v1::DescribeGroupResponse* response) {
  struct Line {
    CommittedOffset committed;
    std::string reader;
  };
  std::map<TopicPartition, Line> lines;
  for (const CommittedOffset& offset : offsets.offsets) lines[offset.where].committed = offset;
  for (const auto& member : response->members()) {
    for (const auto& where : member.partitions()) {
      lines[{where.topic(), where.partition()}].reader = member.member_id();
    }
  }
  for (const auto& [where, line] : lines) {
    auto* partition = response->add_partitions();
    partition->set_topic(where.topic);
    partition->set_partition(where.partition);
    partition->set_committed_offset(line.committed.offset);
    partition->set_metadata(line.committed.metadata);
    partition->set_member_id(line.reader);
  }
}

void FillLags(Door& door, const CallScope& scope, v1::DescribeGroupResponse* response,
              Callback<> done) {
  if (response->partitions().empty()) return done();
  // These are questions of our own: also where the call came from another node, they may go on.
  CallScope part = scope.WithDeadline(AfterNow(kPartUs));
  part.forwarded = part.no_forward = false;
  auto countdown = std::make_shared<Countdown>(response->partitions_size(), std::move(done));
  for (auto& partition : *response->mutable_partitions()) {
    FillLag(door, part, &partition, [countdown] { countdown->Done(); });
  }
}

void DescribeHere(Door& door, const CallScope& scope, const std::string& group,
                  v1::DescribeGroupResponse* response, Callback<Result<bool>> done) {
  response->Clear();
  response->set_coordinator_node_id(door.broker.self().value());
  auto described = [&door, scope, group, response,
                    done = std::move(done)](const GroupDescription& description) mutable {
    GroupError error = description.error;
    if (error == GroupError::kNone && description.state == GroupState::kDead) {
      error = GroupError::kGroupNotFound;
    }
    if (error != GroupError::kNone) return done(ErrorOf(error, group));
    ToProto(description, response);
    door.broker.groups().Fetch({.group = group, .where = std::nullopt},
                               [&door, scope, group, response,
                                done = std::move(done)](const FetchedOffsets& fetched) mutable {
                                 if (fetched.error != GroupError::kNone)
                                   return done(ErrorOf(fetched.error, group));
                                 AddPartitions(fetched, response);
                                 FillLags(door, scope, response,
                                          [done = std::move(done)]() mutable { done(true); });
                               });
  };
  door.broker.groups().Describe(group, std::move(described));
}

}  // namespace

grpc::ServerBidiReactor<v1::GroupMemberRequest, v1::GroupMemberResponse>* GroupService::Join(
    grpc::CallbackServerContext* context) {
  return StartGroupStream(door_, *context);
}

grpc::ServerUnaryReactor* GroupService::FindCoordinator(grpc::CallbackServerContext* context,
                                                        const v1::FindCoordinatorRequest* request,
                                                        v1::FindCoordinatorResponse* response) {
  auto* call = new UnaryCall(door_, Method::kFindCoordinator, *context, kDefaultCallUs);
  if (const Status checked = CheckGroup(request->group()); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  WithRetry<NodeId>(
      call->scope(), true,
      [this, request](Callback<Result<NodeId>> tried) {
        door_.broker.groups().FindCoordinator(
            request->group(), [request, tried = std::move(tried)](FoundCoordinator found) mutable {
              if (found.error == GroupError::kNone) return tried(found.node);
              tried(ErrorOf(found.error, request->group()));
            });
      },
      [this, call, response](const Result<NodeId>& node) {
        if (!node.ok()) return call->Fail(node.error());
        response->set_node_id(node->value());
        const ClusterImagePtr image = door_.broker.image();
        const NodeInfo* info = image->FindNode(*node);
        if (info != nullptr && info->grpc.port != 0) {
          response->set_grpc_address(info->grpc.ToString());
        }
        call->Answer();
      });
  return call;
}

grpc::ServerUnaryReactor* GroupService::ListGroups(grpc::CallbackServerContext* context,
                                                   const v1::ListGroupsRequest*,
                                                   v1::ListGroupsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kListGroups, *context, kDefaultCallUs);
  if (call->scope().local_only()) {
    ListHere(door_, [call, response](Result<v1::ListGroupsResponse> here) {
      if (!here.ok()) return call->Fail(here.error());
      *response = std::move(*here);
      call->Answer();
    });
    return call;
  }
  const ClusterImagePtr image = door_.broker.image();
  auto listing = std::make_shared<Listing>();
  listing->response = response;
  auto countdown =
      std::make_shared<Countdown>(static_cast<int>(image->nodes.size()), [call, response] {
        auto* groups = response->mutable_groups();
        std::sort(groups->begin(), groups->end(),
                  [](const auto& a, const auto& b) { return a.group() < b.group(); });
        std::sort(response->mutable_unanswered_node_ids()->begin(),
                  response->mutable_unanswered_node_ids()->end());
        call->Answer();
      });
  for (const auto& [id, node] : image->nodes) {
    ListAt(door_, id, call->scope(),
           [listing, countdown, node = id](const Result<v1::ListGroupsResponse>& part) {
             listing->Add(node, part);
             countdown->Done();
           });
  }
  return call;
}

grpc::ServerUnaryReactor* GroupService::DescribeGroup(grpc::CallbackServerContext* context,
                                                      const v1::DescribeGroupRequest* request,
                                                      v1::DescribeGroupResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDescribeGroup, *context, kDefaultCallUs);
  if (const Status checked = CheckGroup(request->group()); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  AtCoordinator<v1::DescribeGroupRequest, v1::DescribeGroupResponse>(
      {.call = call,
       .request = request,
       .response = response,
       .method = &GroupAsync::DescribeGroup},
      [this, scope = call->scope(), request, response](Callback<Result<bool>> done) {
        DescribeHere(door_, scope, request->group(), response, std::move(done));
      });
  return call;
}

grpc::ServerUnaryReactor* GroupService::DeleteGroup(grpc::CallbackServerContext* context,
                                                    const v1::DeleteGroupRequest* request,
                                                    v1::DeleteGroupResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDeleteGroup, *context, kDefaultCallUs);
  if (const Status checked = CheckGroup(request->group()); !checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  // Not repeated where its fate is unknown: a second time there would be no such group.
  AtCoordinator<v1::DeleteGroupRequest, v1::DeleteGroupResponse>(
      {.call = call,
       .request = request,
       .response = response,
       .method = &GroupAsync::DeleteGroup,
       .repeatable = false},
      [this, request](Callback<Result<bool>> done) {
        door_.broker.groups().DeleteGroup(
            request->group(), [request, done = std::move(done)](GroupError error) mutable {
              if (error == GroupError::kNone) return done(true);
              done(ErrorOf(error, request->group()));
            });
      });
  return call;
}

grpc::ServerUnaryReactor* GroupService::CommitOffsets(grpc::CallbackServerContext* context,
                                                      const v1::CommitOffsetsRequest* request,
                                                      v1::CommitOffsetsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kCommitOffsets, *context, kDefaultCallUs);
  const Status checked = CheckGroup(request->group());
  const auto offsets = OffsetsFrom(request->offsets());
  if (!checked.ok() || !offsets.ok()) {
    call->Fail(checked.ok() ? offsets.error() : checked.error());
    return call;
  }
  AtCoordinator<v1::CommitOffsetsRequest, v1::CommitOffsetsResponse>(
      {.call = call,
       .request = request,
       .response = response,
       .method = &GroupAsync::CommitOffsets},
      [this, request, response, offsets = *offsets](Callback<Result<bool>> done) {
        server::CommitOffsets commit{.member = {.group = request->group(),
                                                .generation = -1,
                                                .member_id = {},
                                                .instance_id = std::nullopt},
                                     .offsets = offsets};
        std::vector<TopicPartition> where;
        for (const OffsetToCommit& offset : offsets) where.push_back(offset.where);
        door_.broker.groups().Commit(std::move(commit),
                                     [this, request, response, where = std::move(where),
                                      done = std::move(done)](const OffsetErrors& errors) mutable {
                                       if (errors.error != GroupError::kNone) {
                                         return done(ErrorOf(errors.error, request->group()));
                                       }
                                       AddFailures(errors, where, request->group(), door_.broker,
                                                   response->mutable_failed());
                                       done(true);
                                     });
      });
  return call;
}

grpc::ServerUnaryReactor* GroupService::FetchOffsets(grpc::CallbackServerContext* context,
                                                     const v1::FetchOffsetsRequest* request,
                                                     v1::FetchOffsetsResponse* response) {
  auto* call = new UnaryCall(door_, Method::kFetchOffsets, *context, kDefaultCallUs);
  Status checked = CheckGroup(request->group());
  if (checked.ok()) checked = CheckPartitions(request->partitions());
  if (!checked.ok()) {
    call->Fail(checked.error());
    return call;
  }
  AtCoordinator<v1::FetchOffsetsRequest, v1::FetchOffsetsResponse>(
      {.call = call, .request = request, .response = response, .method = &GroupAsync::FetchOffsets},
      [this, request, response](Callback<Result<bool>> done) {
        server::FetchOffsets fetch{.group = request->group(), .where = std::nullopt};
        if (!request->partitions().empty()) fetch.where.emplace();
        for (const auto& where : request->partitions()) {
          fetch.where->push_back({where.topic(), where.partition()});
        }
        door_.broker.groups().Fetch(std::move(fetch), [request, response, done = std::move(done)](
                                                          const FetchedOffsets& fetched) mutable {
          if (fetched.error != GroupError::kNone) {
            return done(ErrorOf(fetched.error, request->group()));
          }
          for (const CommittedOffset& offset : fetched.offsets) {
            ToProto(offset, response->add_offsets());
          }
          done(true);
        });
      });
  return call;
}

}  // namespace jangada::server::grpc_door
