// Messages for the transport's tests.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "raft/message.h"

namespace jangada::server {

template <class Body>
raft::Message MessageTo(int to, raft::Term term, Body body, int from = 1) {
  return {.from = NodeId(from), .to = NodeId(to), .term = term, .body = std::move(body)};
}

inline raft::Entry Record(raft::Index index, raft::Term term, std::string payload) {
  return {.index = index,
          .term = term,
          .type = raft::EntryType::kRecords,
          .base_offset = static_cast<int64_t>(index),
          .record_count = 1,
          .payload = Bytes(std::move(payload))};
}

/// An append of one entry of `bytes` at prev + 1.
inline raft::AppendRequest AppendOf(raft::Index index, size_t bytes) {
  return {.prev = {index - 1, index > 1 ? 1u : 0u},
          .entries = {Record(index, 1, std::string(bytes, static_cast<char>('a' + index % 26)))},
          .commit = index - 1};
}

inline raft::AppendReply Accepted(raft::Index match) {
  raft::AppendReply reply;
  reply.accepted = true;
  reply.match = match;
  return reply;
}

}  // namespace jangada::server
