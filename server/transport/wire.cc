#include "server/transport/wire.h"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>

#include "base/check.h"

namespace jangada::server::wire {
namespace {

// ---- out ----

void EncodePosition(const raft::Position& position, v1::PeerPosition* out) {
  out->set_index(position.index);
  out->set_term(position.term);
}

/// Lists of what is rarely set leave out the zeros at their end: makes `value` the last of `size`.
template <class T>
void SetLast(google::protobuf::RepeatedField<T>* list, int size, T value) {
  if (value == T{}) return;
  list->Resize(size - 1, T{});
  list->Add(value);
}

template <class T>
T GetAt(const google::protobuf::RepeatedField<T>& list, int place) {
  return place < list.size() ? list.Get(place) : T{};
}

/// One overload a kind of message; heartbeats are not among them, they travel field by field.
struct BodyEncoder {
  v1::PeerMessage* out;

  void operator()(const raft::VoteRequest& body) const {
    v1::PeerVoteRequest* request = out->mutable_vote_request();
    request->set_pre_vote(body.pre_vote);
    request->set_transfer(body.transfer);
    EncodePosition(body.last, request->mutable_last());
  }
  void operator()(const raft::VoteReply& body) const {
    v1::PeerVoteReply* reply = out->mutable_vote_reply();
    reply->set_pre_vote(body.pre_vote);
    reply->set_granted(body.granted);
  }
  void operator()(const raft::AppendRequest& body) const {
    v1::PeerAppendRequest* request = out->mutable_append_request();
    EncodePosition(body.prev, request->mutable_prev());
    request->set_commit(body.commit);
    for (const raft::Entry& entry : body.entries) {
      v1::PeerEntry* encoded = request->add_entries();
      encoded->set_term(entry.term);
      encoded->set_type(static_cast<uint32_t>(entry.type));
      encoded->set_base_offset(entry.base_offset);
      encoded->set_record_count(entry.record_count);
      encoded->set_payload(entry.payload.data(), entry.payload.size());
    }
  }
  void operator()(const raft::AppendReply& body) const {
    v1::PeerAppendReply* reply = out->mutable_append_reply();
    reply->set_accepted(body.accepted);
    reply->set_match(body.match);
    reply->set_rejected(body.rejected);
    EncodePosition(body.hint, reply->mutable_hint());
    reply->set_loss(body.loss.id);
    reply->set_forgot_votes(body.loss.forgot_votes);
  }
  void operator()(const raft::InstallSnapshot& body) const {
    v1::PeerInstallSnapshot* install = out->mutable_install_snapshot();
    EncodePosition(body.meta.last, install->mutable_last());
    install->set_membership_index(body.meta.membership.index);
    const raft::Membership& members = body.meta.membership.membership;
    for (NodeId node : members.voters) install->add_voters(node.value());
    for (NodeId node : members.outgoing) install->add_outgoing(node.value());
    for (NodeId node : members.learners) install->add_learners(node.value());
    install->set_data(body.data.data(), body.data.size());
  }
  void operator()(const raft::TimeoutNow&) const { out->mutable_timeout_now(); }
  void operator()(const raft::Heartbeat&) const { CHECK(false); }
  void operator()(const raft::HeartbeatReply&) const { CHECK(false); }
};

void EncodeMessage(GroupId group, const raft::Message& message, v1::PeerFrame* frame) {
  if (const auto* heartbeat = std::get_if<raft::Heartbeat>(&message.body)) {
    v1::PeerHeartbeats* all = frame->mutable_heartbeats();
    all->add_group(group.value());
    all->add_term(message.term);
    all->add_commit(heartbeat->commit);
    all->add_read_id(heartbeat->read_id);
    SetLast(all->mutable_whole(), all->group_size(), heartbeat->whole);
  } else if (const auto* reply = std::get_if<raft::HeartbeatReply>(&message.body)) {
    v1::PeerHeartbeatReplies* all = frame->mutable_heartbeat_replies();
    all->add_group(group.value());
    all->add_term(message.term);
    all->add_read_id(reply->read_id);
    all->add_last(reply->last);
    SetLast(all->mutable_loss(), all->group_size(), reply->loss.id);
    SetLast(all->mutable_forgot_votes(), all->group_size(), reply->loss.forgot_votes);
  } else {
    v1::PeerMessage* out = frame->add_messages();
    out->set_group(group.value());
    out->set_term(message.term);
    out->set_heartbeats_before(static_cast<uint32_t>(frame->heartbeats().group_size()));
    out->set_heartbeat_replies_before(
        static_cast<uint32_t>(frame->heartbeat_replies().group_size()));
    std::visit(BodyEncoder{out}, message.body);
  }
}

void EncodeStatus(const NodeStatus& status, v1::PeerStatus* out) {
  out->set_full(status.full);
  for (const LeaderHint& hint : status.leaders) {
    out->add_group(hint.group.value());
    out->add_leader(hint.leader.value());
    out->add_term(hint.term);
    for (const NodeId node : hint.lagging) {
      out->add_lagging_place(static_cast<uint32_t>(out->group_size() - 1));
      out->add_lagging_node(node.value());
    }
  }
  const NodeCondition& condition = status.condition;
  out->set_disk_free_bytes(condition.disk_free_bytes);
  out->set_disk_total_bytes(condition.disk_total_bytes);
  out->set_accepts_produce(condition.accepts_produce);
  out->set_draining(condition.draining);
  for (const GroupId group : condition.refilling) out->add_refilling(group.value());
  out->set_refilled(condition.refilled);
  out->set_version(condition.version);
}

void EncodePulse(const Pulse& pulse, v1::PeerPulse* out) {
  out->set_shard(pulse.shard);
  out->set_shards(pulse.shards);
  out->set_round(pulse.round);
  out->set_whole(pulse.whole);
  out->set_heard_round(pulse.heard_round);
  for (const Pulse::Led& line : pulse.led) {
    out->add_led_group(line.group.value());
    out->add_led_term(line.term);
  }
  for (const Pulse::Followed& line : pulse.followed) {
    out->add_followed_group(line.group.value());
    out->add_followed_term(line.term);
    out->add_followed_commit(line.commit);
  }
}

// ---- in ----

raft::Position DecodePosition(const v1::PeerPosition& position) {
  return {position.index(), position.term()};
}

/// Takes over the string's memory.
Bytes TakeBytes(std::string* from) { return Bytes(std::move(*from)); }

std::optional<raft::Entry> DecodeEntry(v1::PeerEntry* entry) {
  if (entry->type() > static_cast<uint32_t>(raft::EntryType::kCommand)) return std::nullopt;
  const auto type = static_cast<raft::EntryType>(entry->type());
  const int32_t count = entry->record_count();
  if (count < 0 || (count > 0 && type != raft::EntryType::kRecords)) return std::nullopt;
  if (entry->base_offset() < raft::kUnassignedOffset) return std::nullopt;
  if (entry->base_offset() > std::numeric_limits<int64_t>::max() - count) return std::nullopt;
  return raft::Entry{.term = entry->term(),
                     .type = type,
                     .base_offset = entry->base_offset(),
                     .record_count = count,
                     .payload = TakeBytes(entry->mutable_payload())};
}

std::optional<raft::AppendRequest> DecodeAppend(raft::Term term, v1::PeerAppendRequest* request) {
  raft::AppendRequest body{
      .prev = DecodePosition(request->prev()), .entries = {}, .commit = request->commit()};
  const auto count = static_cast<uint64_t>(request->entries_size());
  if (body.prev.index > std::numeric_limits<uint64_t>::max() - count) return std::nullopt;
  body.entries.reserve(count);
  raft::Position last = body.prev;
  for (v1::PeerEntry& encoded : *request->mutable_entries()) {
    std::optional<raft::Entry> entry = DecodeEntry(&encoded);
    // A leader's log holds no term above its own, and terms never go back along it.
    if (!entry || entry->term < last.term || entry->term > term) return std::nullopt;
    entry->index = last.index + 1;
    last = entry->position();
    body.entries.push_back(*std::move(entry));
  }
  return body;
}

/// Sorted and without repeats, as raft::Membership wants it.
template <class Ids>
bool DecodeNodes(const Ids& ids, std::vector<NodeId>* out) {
  for (int32_t id : ids) {
    if (id < 1 || (!out->empty() && out->back() >= NodeId(id))) return false;
    out->push_back(NodeId(id));
  }
  return true;
}

std::optional<raft::InstallSnapshot> DecodeInstall(v1::PeerInstallSnapshot* install) {
  raft::InstallSnapshot body;
  body.meta.last = DecodePosition(install->last());
  body.meta.membership.index = install->membership_index();
  raft::Membership& members = body.meta.membership.membership;
  if (!DecodeNodes(install->voters(), &members.voters) ||
      !DecodeNodes(install->outgoing(), &members.outgoing) ||
      !DecodeNodes(install->learners(), &members.learners)) {
    return std::nullopt;
  }
  // A replica that joined and was sent every entry leads without ever having met the voters that
  // the group began with: its checkpoints of positions before the first change name nobody.
  const bool names_nobody = members.IsEmpty() && body.meta.membership.index == 0;
  if (members.voters.empty() && !names_nobody) return std::nullopt;
  if (body.meta.last.index == 0) return std::nullopt;
  if (body.meta.membership.index > body.meta.last.index) return std::nullopt;
  body.data = TakeBytes(install->mutable_data());
  return body;
}

std::optional<raft::Message> DecodeMessage(NodeId from, NodeId to, v1::PeerMessage* message) {
  raft::Message out{.from = from, .to = to, .term = message->term(), .body = raft::TimeoutNow{}};
  switch (message->body_case()) {
    case v1::PeerMessage::kVoteRequest: {
      const v1::PeerVoteRequest& body = message->vote_request();
      out.body = raft::VoteRequest{body.pre_vote(), body.transfer(), DecodePosition(body.last())};
      return out;
    }
    case v1::PeerMessage::kVoteReply:
      out.body = raft::VoteReply{message->vote_reply().pre_vote(), message->vote_reply().granted()};
      return out;
    case v1::PeerMessage::kAppendRequest: {
      auto body = DecodeAppend(out.term, message->mutable_append_request());
      if (!body) return std::nullopt;
      out.body = *std::move(body);
      return out;
    }
    case v1::PeerMessage::kAppendReply: {
      const v1::PeerAppendReply& body = message->append_reply();
      out.body = raft::AppendReply{body.accepted(), body.match(), body.rejected(),
                                   DecodePosition(body.hint()),
                                   raft::Loss{body.loss(), body.forgot_votes()}};
      return out;
    }
    case v1::PeerMessage::kInstallSnapshot: {
      auto body = DecodeInstall(message->mutable_install_snapshot());
      if (!body) return std::nullopt;
      out.body = *std::move(body);
      return out;
    }
    case v1::PeerMessage::kTimeoutNow: return out;
    case v1::PeerMessage::BODY_NOT_SET: return std::nullopt;  // a kind of a later version
  }
  return std::nullopt;
}

/// Walks the heartbeats and the replies of one frame, each in its order.
class HeartbeatReader {
 public:
  HeartbeatReader(NodeId from, NodeId to, const v1::PeerFrame& frame, Incoming* out)
      : from_(from),
        to_(to),
        heartbeats_(frame.heartbeats()),
        replies_(frame.heartbeat_replies()),
        out_(out) {
    const int heartbeats = heartbeats_.group_size();
    if (heartbeats_.term_size() == heartbeats && heartbeats_.commit_size() == heartbeats &&
        heartbeats_.read_id_size() == heartbeats) {
      heartbeat_count_ = heartbeats;
    } else {
      ++out_->malformed;
    }
    const int replies = replies_.group_size();
    if (replies_.term_size() == replies && replies_.read_id_size() == replies &&
        replies_.last_size() == replies) {
      reply_count_ = replies;
    } else {
      ++out_->malformed;
    }
  }

  size_t total() const {
    return static_cast<size_t>(heartbeat_count_) + static_cast<size_t>(reply_count_);
  }

  /// Those that come before position `heartbeats` and `replies`, where not yet read.
  void ReadUpTo(uint32_t heartbeats, uint32_t replies) {
    for (; heartbeat_ < heartbeat_count_ && static_cast<uint32_t>(heartbeat_) < heartbeats;
         ++heartbeat_) {
      Add(heartbeats_.group(heartbeat_), heartbeats_.term(heartbeat_),
          raft::Heartbeat{heartbeats_.commit(heartbeat_), heartbeats_.read_id(heartbeat_),
                          GetAt(heartbeats_.whole(), heartbeat_)});
    }
    for (; reply_ < reply_count_ && static_cast<uint32_t>(reply_) < replies; ++reply_) {
      Add(replies_.group(reply_), replies_.term(reply_),
          raft::HeartbeatReply{
              replies_.read_id(reply_), replies_.last(reply_),
              raft::Loss{GetAt(replies_.loss(), reply_), GetAt(replies_.forgot_votes(), reply_)}});
    }
  }

 private:
  template <class Body>
  void Add(uint64_t group, raft::Term term, Body body) {
    out_->messages.emplace_back(
        GroupId(group), raft::Message{.from = from_, .to = to_, .term = term, .body = body});
  }

  const NodeId from_;
  const NodeId to_;
  const v1::PeerHeartbeats& heartbeats_;
  const v1::PeerHeartbeatReplies& replies_;
  Incoming* const out_;
  int heartbeat_count_ = 0;
  int reply_count_ = 0;
  int heartbeat_ = 0;
  int reply_ = 0;
};

std::optional<NodeStatus> DecodeStatus(NodeId from, const v1::PeerStatus& status) {
  const int count = status.group_size();
  if (status.leader_size() != count || status.term_size() != count) return std::nullopt;
  NodeStatus out{.from = from, .full = status.full(), .leaders = {}, .condition = {}};
  out.condition = {.disk_free_bytes = status.disk_free_bytes(),
                   .disk_total_bytes = status.disk_total_bytes(),
                   .accepts_produce = status.accepts_produce(),
                   .draining = status.draining(),
                   .refilling = {},
                   .refilled = status.refilled(),
                   .version = status.version()};
  for (const uint64_t group : status.refilling()) {
    out.condition.refilling.push_back(GroupId(group));
  }
  out.leaders.reserve(count);
  for (int i = 0; i < count; ++i) {
    if (status.leader(i) < 1) return std::nullopt;
    out.leaders.push_back({GroupId(status.group(i)), NodeId(status.leader(i)), status.term(i)});
  }
  if (status.lagging_node_size() != status.lagging_place_size()) return std::nullopt;
  for (int i = 0; i < status.lagging_place_size(); ++i) {
    const uint32_t place = status.lagging_place(i);
    if (place >= out.leaders.size() || status.lagging_node(i) < 1) return std::nullopt;
    out.leaders[place].lagging.push_back(NodeId(status.lagging_node(i)));
  }
  return out;
}

std::optional<Pulse> DecodePulse(const v1::PeerPulse& pulse) {
  const int led = pulse.led_group_size();
  const int followed = pulse.followed_group_size();
  if (pulse.led_term_size() != led || pulse.followed_term_size() != followed ||
      pulse.followed_commit_size() != followed) {
    return std::nullopt;
  }
  Pulse out{.shard = pulse.shard(),
            .shards = pulse.shards(),
            .round = pulse.round(),
            .whole = pulse.whole(),
            .heard_round = pulse.heard_round(),
            .led = {},
            .followed = {}};
  out.led.reserve(static_cast<size_t>(led));
  for (int i = 0; i < led; ++i) {
    out.led.push_back({GroupId(pulse.led_group(i)), pulse.led_term(i)});
  }
  out.followed.reserve(static_cast<size_t>(followed));
  for (int i = 0; i < followed; ++i) {
    out.followed.push_back(
        {GroupId(pulse.followed_group(i)), pulse.followed_term(i), pulse.followed_commit(i)});
  }
  return out;
}

}  // namespace

void EncodeIdentity(const PeerIdentity& identity, v1::PeerIdentity* out) {
  out->set_protocol_version(identity.protocol_version);
  out->set_cluster_id(identity.cluster_id.Raw());
  out->set_node_id(identity.node.value());
  out->set_disk_id(identity.disk_id.Raw());
}

std::optional<PeerIdentity> DecodeIdentity(const v1::PeerIdentity& identity) {
  const std::optional<Uuid> cluster_id = Uuid::FromRaw(identity.cluster_id());
  const std::optional<Uuid> disk_id = Uuid::FromRaw(identity.disk_id());
  if (!cluster_id || !disk_id || identity.node_id() < 1) return std::nullopt;
  return PeerIdentity{.protocol_version = identity.protocol_version(),
                      .cluster_id = *cluster_id,
                      .node = NodeId(identity.node_id()),
                      .disk_id = *disk_id};
}

v1::PeerLane EncodeLane(Lane lane) {
  switch (lane) {
    case Lane::kControl: return v1::PEER_LANE_CONTROL;
    case Lane::kBulk: return v1::PEER_LANE_BULK;
    case Lane::kSnapshot: return v1::PEER_LANE_SNAPSHOT;
  }
  return v1::PEER_LANE_UNSPECIFIED;
}

std::optional<Lane> DecodeLane(v1::PeerLane lane) {
  for (Lane known : kLanes) {
    if (EncodeLane(known) == lane) return known;
  }
  return std::nullopt;
}

void EncodeFrame(const std::vector<Outgoing>& batch, v1::PeerFrame* frame) {
  for (const Outgoing& item : batch) {
    if (const auto* message = std::get_if<raft::Message>(&item.content)) {
      EncodeMessage(item.group, *message, frame);
    } else if (const auto* pulse = std::get_if<Pulse>(&item.content)) {
      EncodePulse(*pulse, frame->add_pulses());
    } else {
      EncodeStatus(std::get<NodeStatus>(item.content), frame->add_statuses());
    }
  }
}

Incoming DecodeFrame(NodeId from, NodeId to, v1::PeerFrame* frame) {
  Incoming in;
  HeartbeatReader heartbeats(from, to, *frame, &in);
  in.messages.reserve(heartbeats.total() + static_cast<size_t>(frame->messages_size()));
  for (v1::PeerMessage& message : *frame->mutable_messages()) {
    heartbeats.ReadUpTo(message.heartbeats_before(), message.heartbeat_replies_before());
    if (auto decoded = DecodeMessage(from, to, &message)) {
      in.messages.emplace_back(GroupId(message.group()), *std::move(decoded));
    } else {
      ++in.malformed;
    }
  }
  constexpr uint32_t kAll = std::numeric_limits<uint32_t>::max();
  heartbeats.ReadUpTo(kAll, kAll);
  for (const v1::PeerStatus& status : frame->statuses()) {
    if (auto decoded = DecodeStatus(from, status)) {
      in.statuses.push_back(*std::move(decoded));
    } else {
      ++in.malformed;
    }
  }
  for (const v1::PeerPulse& pulse : frame->pulses()) {
    if (auto decoded = DecodePulse(pulse)) {
      in.pulses.push_back(*std::move(decoded));
    } else {
      ++in.malformed;
    }
  }
  return in;
}

void EncodeError(const Error& error, v1::PeerAnswer* out) {
  out->set_error_code(ErrorCodeName(error.code));
  out->set_error_message(error.message);
}

Error DecodeError(const v1::PeerAnswer& answer) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    if (answer.error_code() == ErrorCodeName(static_cast<ErrorCode>(code))) {
      return Error{static_cast<ErrorCode>(code), answer.error_message()};
    }
  }
  return Error{ErrorCode::kInternal, answer.error_message()};
}

}  // namespace jangada::server::wire
