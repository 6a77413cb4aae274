// Partition calls: what one node asks another about a partition that the other leads, for clients
// that may ask any node: how it stands, and to hand over its leadership. The encoding of questions
// and answers (PeerCall "partition.*"). Pure; any thread.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "server/broker.h"
#include "server/transport/transport.h"

namespace jangada::server::peer_calls {

bool IsOne(const PeerCall& call);

PeerCall Inspect(const TopicPartition& where);
PeerCall HandOver(const TopicPartition& where, NodeId to);

struct Question {
  TopicPartition where;
  std::optional<NodeId> hand_over_to;  // nullopt: only asked how the partition stands
  static void Fields(auto& m, auto& v) {
    v(m.where.topic), v(m.where.partition), v(m.hand_over_to);
  }
};
Result<Question> DecodeQuestion(const PeerCall& call);

Bytes EncodeAnswer(const Status& status);
Bytes EncodeAnswer(const Result<PartitionView>& view);

/// What the answer of a call comes to. kUnavailable where there was none.
Status HandOverAnswer(const Result<Bytes>& answer);
Result<PartitionView> InspectAnswer(const Result<Bytes>& answer);

}  // namespace jangada::server::peer_calls
