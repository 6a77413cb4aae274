// Founding: how an empty node decides between founding a cluster, joining one and refusing to
// start. An empty node founds only after every founder has answered that it is empty too and has
// the same list, so that two wiped nodes of three can't found a second, empty cluster. Founding is
// the pure decision, fed with answers; FoundingDriver asks the questions on an executor. docs:
// ARCHITECTURE.md, "Founding".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/callback.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/uuid.h"
#include "server/controller/cluster_image.h"
#include "server/transport/transport.h"

namespace jangada::server {

/// What a node's data folder says of it. Empty: `founding` is empty and `cluster_id` is zero.
struct NodeIdentity {
  NodeId node;
  Uuid disk_id;
  std::vector<FounderDisk> founding;  // it founds or founded with these; group 0's first voters
  Uuid cluster_id;
  bool IsEmpty() const { return founding.empty() && cluster_id.IsZero(); }
};

/// `founding` as the data folder keeps it: versioned, empty for none.
std::string EncodeFounding(const std::vector<FounderDisk>& founders);
Result<std::vector<FounderDisk>> DecodeFounding(std::string_view bytes);

/// Where identity is kept. Synced before it returns.
class IdentityStore {
 public:
  virtual ~IdentityStore() = default;
  virtual Status SaveFounding(const std::vector<FounderDisk>& founders) = 0;
  virtual Status SaveCluster(const Uuid& cluster_id) = 0;
};

/// How the asker stands in the answerer's cluster.
enum class Standing : uint8_t {
  kUnknown = 0,    // no such node id
  kAdmitted = 1,   // added by the operator, no disk yet
  kSameDisk = 2,   // a member with this very disk
  kOtherDisk = 3,  // a member with another disk
  kRemoving = 4,   // being removed
};

struct ProbeQuestion {
  NodeId node;
  Uuid disk_id;
  std::vector<Founder> founders;
  static void Fields(auto& m, auto& v) { v(m.node), v(m.disk_id), v(m.founders); }
};

struct ProbeAnswer {
  NodeId node;
  Uuid disk_id;
  std::vector<Founder> founders;  // the answerer's list
  std::vector<FounderDisk>
      founding;                // not empty: it founds, or its cluster was founded, with these
  Uuid cluster_id;             // not zero: the cluster that it belongs to
  uint64_t image_version = 0;  // 0: it can't tell yet how the asker stands
  Standing standing = Standing::kUnknown;
  static void Fields(auto& m, auto& v) {
    v(m.node), v(m.disk_id), v(m.founders), v(m.founding), v(m.cluster_id), v(m.image_version);
    v(m.standing);
  }
};

Bytes EncodeProbeQuestion(const ProbeQuestion& question);
Result<ProbeQuestion> DecodeProbeQuestion(std::string_view bytes);
Bytes EncodeProbeAnswer(const ProbeAnswer& answer);
Result<ProbeAnswer> DecodeProbeAnswer(std::string_view bytes);

/// What a node answers to "founding.probe". `image`: nullptr until group 0's log said something.
ProbeAnswer AnswerProbe(const NodeIdentity& self, const std::vector<Founder>& founders,
                        const ClusterImage* image, const ProbeQuestion& question);

inline constexpr const char* kFoundingProbe = "founding.probe";

/// Found nothing yet; the sentence says for whom or what the node waits.
struct FoundingWait {
  std::string why;
};
/// Bootstrap group 0 with these as voters. `cluster_id` is zero unless the others have already
/// fixed it.
struct FoundingFound {
  std::vector<FounderDisk> founders;
  Uuid cluster_id;
};
/// Register this disk with the cluster, then start group 0 without members and wait to be made a
/// learner.
struct FoundingJoin {
  Uuid cluster_id;
};
/// The process must end with this sentence.
struct FoundingRefuse {
  Error error;
};
using FoundingDecision = std::variant<FoundingWait, FoundingFound, FoundingJoin, FoundingRefuse>;

class Founding {
 public:
  /// A refusal must be repeated in this many rounds: an answerer may lag behind `node add`.
  static constexpr int kRefusalRounds = 4;

  /// REQUIRES: `self` is empty.
  Founding(NodeIdentity self, std::vector<Founder> founders);

  /// The nodes to ask in each round: the founders but oneself.
  std::vector<Founder> Peers() const;
  ProbeQuestion Question() const;
  /// One round: whoever answered. Decides from this round's answers alone.
  FoundingDecision DecideRound(const std::map<NodeId, ProbeAnswer>& answers);

 private:
  FoundingDecision Decide(const std::map<NodeId, ProbeAnswer>& answers) const;
  FoundingDecision DecideToFound(const std::map<NodeId, ProbeAnswer>& answers) const;
  FoundingDecision DecideToJoin(const std::map<NodeId, ProbeAnswer>& answers) const;

  NodeIdentity self_;
  std::vector<Founder> founders_;
  int refusals_ = 0;
};

/// Asks round after round until there is a decision, stores it, and reports it. Runs on one
/// executor.
class FoundingDriver {
 public:
  static constexpr int64_t kRoundUs = 250'000;
  static constexpr int64_t kLogEveryUs = 5'000'000;

  FoundingDriver(Executor& executor, Transport& transport, IdentityStore& store, NodeIdentity self,
                 std::vector<Founder> founders);
  ~FoundingDriver();

  /// `done` once, perhaps inside the call, with the identity as it is stored now. `founding` not
  /// empty: group 0 starts with those voters. Empty: this disk is registered with the cluster, and
  /// group 0 starts without members. An error (kPermissionDenied, or the store's) must end the
  /// process.
  void Start(Callback<Result<NodeIdentity>> done);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

/// Whether a peer may connect; PeerSink::CheckPeer asks it. A peer without a cluster may: it only
/// asks. `image`: nullptr unless group 0's replica here follows a leader (or leads) at this moment.
/// A stale image must not shut out a node that was added since, which may be the very leader to
/// catch up from.
Status AdmitPeer(const NodeIdentity& self, const ClusterImage* image, const PeerIdentity& peer);

}  // namespace jangada::server
