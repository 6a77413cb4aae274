#include "server/grpc/group_convert.h"

#include "server/groups/consumer_protocol.h"
#include "server/grpc/group_errors.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {

v1::GroupState ToProto(GroupState state) {
  switch (state) {
    case GroupState::kEmpty: return v1::GROUP_STATE_EMPTY;
    case GroupState::kPreparingRebalance: return v1::GROUP_STATE_PREPARING_REBALANCE;
    case GroupState::kCompletingRebalance: return v1::GROUP_STATE_COMPLETING_REBALANCE;
    case GroupState::kStable: return v1::GROUP_STATE_STABLE;
    case GroupState::kDead: break;
  }
  return v1::GROUP_STATE_UNSPECIFIED;
}

v1::GroupDoor DoorOf(const std::string& protocol_type) {
  if (protocol_type.empty()) return v1::GROUP_DOOR_UNSPECIFIED;
  return protocol_type == groups::kGrpcProtocolType ? v1::GROUP_DOOR_GRPC : v1::GROUP_DOOR_KAFKA;
}

void ToProto(const CommittedOffset& offset, v1::GroupOffset* out) {
  out->set_topic(offset.where.topic);
  out->set_partition(offset.where.partition);
  out->set_offset(offset.offset);
  out->set_metadata(offset.metadata);
}

void AddFailures(const OffsetErrors& errors, const std::vector<TopicPartition>& where,
                 const std::string& group, const Broker& broker,
                 google::protobuf::RepeatedPtrField<v1::OffsetFailure>* out) {
  for (size_t i = 0; i < errors.each.size() && i < where.size(); ++i) {
    if (errors.each[i] == GroupError::kNone) continue;
    auto* failure = out->Add();
    failure->set_topic(where[i].topic);
    failure->set_partition(where[i].partition);
    *failure->mutable_error() = DetailOf(ErrorOf(errors.each[i], group), &where[i], broker);
  }
}

void ToProto(const GroupDescription& description, v1::DescribeGroupResponse* out) {
  out->set_state(ToProto(description.state));
  out->set_door(DoorOf(description.protocol_type));
  out->set_assignor(description.protocol);
  for (const GroupDescription::Member& member : description.members) {
    auto* entry = out->add_members();
    entry->set_member_id(member.member_id);
    entry->set_instance_id(member.instance_id.value_or(""));
    entry->set_client_id(member.client_id);
    entry->set_client_host(member.client_host);
    const auto assigned = groups::DecodeAssignment(member.assignment);
    if (!assigned) continue;
    for (const TopicPartition& where : *assigned) {
      auto* partition = entry->add_partitions();
      partition->set_topic(where.topic);
      partition->set_partition(where.partition);
    }
  }
}

}  // namespace jangada::server::grpc_door
