// The state machines of RaftChecker's ghosts: the product's own folds with nothing around them,
// which apply the committed entries of a group once, whatever its replicas do.
#pragma once

#include <functional>
#include <utility>

#include "base/check.h"
#include "server/controller/controller_machine.h"
#include "server/groups/shard_state.h"
#include "server/partition/partition_state.h"
#include "server/partition/state_machine.h"
#include "tests/sim/raft_checker.h"
#include "tests/sim/reached.h"

namespace jangada::sim {

/// What all folds have in common: nobody restores them, and they never lead.
class GhostFold : public server::StateMachine {
 public:
  Status RestoreState(std::string_view, int64_t, int64_t) override { return {}; }
  void OnLeaderReady(raft::Term) override {}
  void OnLeadershipLost() override {}
};

class PartitionFold final : public GhostFold {
 public:
  PartitionFold(size_t max_producers, Reached& reached)
      : state_(max_producers), reached_(reached) {}
  void Apply(const raft::Entry& entry) override {
    const size_t before = state_.producers().all().size();
    state_.Apply(entry);
    const size_t after = state_.producers().all().size();
    if (after < before) reached_.Count(Rare::kProducerExpired, before - after);
  }
  Bytes EncodeState() const override { return state_.Encode(); }
  int64_t log_start_offset() const override { return state_.log_start_offset(); }

 private:
  server::PartitionState state_;
  Reached& reached_;
};

class ControllerFold final : public GhostFold, server::MachineListener {
 public:
  /// `decided`: gets each new image.
  explicit ControllerFold(server::ClusterImagePtr& decided) : decided_(decided) {}
  void Apply(const raft::Entry& entry) override { machine_.Apply(entry); }
  Bytes EncodeState() const override { return machine_.EncodeState(); }
  void OnImage(server::ClusterImagePtr image) override { decided_ = std::move(image); }
  void OnLeading(bool) override {}
  void OnCannotFold(const Error& error) override { CHECK_MSG(false, error.message); }

 private:
  server::ClusterImagePtr& decided_;
  server::ControllerMachine machine_{*this};
};

/// A shard of consumer groups. What its checkpoints would hold must bring all of it back.
class ShardFold final : public GhostFold {
 public:
  using OnCommand = std::function<void(const server::groups::Command&)>;

  ShardFold(const OnCommand& on_command, Judge& judge) : on_command_(on_command), judge_(judge) {}
  void Apply(const raft::Entry& entry) override {
    if (entry.type != raft::EntryType::kCommand) return;
    const server::groups::Command command =
        server::groups::DecodeCommand(entry.payload.view()).value();
    state_.Apply(command);
    server::groups::ShardState again;
    if (!again.Restore(state_.Encode().view()).ok() || again != state_) {
      judge_.Fail("checkpoint", "a shard's state does not come back from its own encoding");
    }
    if (on_command_) on_command_(command);
  }
  Bytes EncodeState() const override { return state_.Encode(); }

 private:
  const OnCommand& on_command_;
  Judge& judge_;
  server::groups::ShardState state_;
};

}  // namespace jangada::sim
