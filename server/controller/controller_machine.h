// ControllerMachine: group 0's state machine. Folds the controller's records into an immutable
// ClusterImage and publishes each new one. Whether a command is valid is decided here, in the order
// of the log, from the image alone, so that every node decides alike and two commands that race
// have one winner. Runs on group 0's shard.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "base/result.h"
#include "server/controller/cluster_image.h"
#include "server/controller/records.h"
#include "server/partition/state_machine.h"

namespace jangada::server {

/// Told of what group 0 decided. On group 0's shard, from inside the fold: must not propose in the
/// call.
class MachineListener {
 public:
  virtual ~MachineListener() = default;
  /// A new image; also once after each restored checkpoint.
  virtual void OnImage(ClusterImagePtr image) = 0;
  /// This node leads group 0 and may serve (true), or no longer leads it (false).
  virtual void OnLeading(bool ready) = 0;
  /// An entry or a checkpoint that this program cannot fold. The node must stop.
  virtual void OnCannotFold(const Error& error) = 0;
};

class ControllerMachine final : public StateMachine {
 public:
  explicit ControllerMachine(MachineListener& listener);

  void Apply(const raft::Entry& entry) override;
  Bytes EncodeState() const override;
  Status RestoreState(std::string_view state, int64_t next_offset,
                      int64_t log_start_offset) override;
  void OnLeaderReady(raft::Term term) override;
  void OnLeadershipLost() override;

  const ClusterImagePtr& image() const { return image_; }
  /// Of the last entry applied; 0 while none was since the checkpoint.
  raft::Term applied_term() const { return applied_term_; }

  /// Keeps the outcome of the command with this request id when it is applied here. Ask before
  /// proposing.
  void Expect(uint64_t request);
  /// The outcome, once; nullopt if the command was not applied here. The expectation ends either
  /// way. The value is what the command answers (the first id of AllotProducerIds), 0 for the
  /// others.
  std::optional<Result<int64_t>> TakeOutcome(uint64_t request);

 private:
  void Publish(ClusterImage image);

  MachineListener& listener_;
  ClusterImagePtr image_;
  raft::Term applied_term_ = 0;
  std::map<uint64_t, std::optional<Result<int64_t>>> expected_;
  bool stuck_ = false;  // an entry could not be folded: nothing after it may be
};

}  // namespace jangada::server
