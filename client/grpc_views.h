// What nodes answer, as the public values of the library. Included only by the .cc files behind
// Wire. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/wire.h"
#include "jangada/v1/admin.pb.h"
#include "jangada/v1/group.pb.h"
#include "jangada/v1/log.pb.h"

namespace jangada::client {

NodeView ToView(const v1::Node& node);
std::vector<NodeView> ToNodes(const google::protobuf::RepeatedPtrField<v1::Node>& from);
TopicView ToView(const v1::Topic& topic);
PartitionStateView ToView(const v1::PartitionState& state);
ConfigView ToView(const v1::DescribeConfigResponse& response);
/// Takes the batches out of the response.
Fetched ToFetched(v1::FetchResponse& response);
GroupListView ToView(const v1::ListGroupsResponse& response);
GroupView ToView(const std::string& group, const v1::DescribeGroupResponse& response);

}  // namespace jangada::client
