#include "server/controller/controller_machine.h"

#include <utility>

#include "server/controller/fold.h"

namespace jangada::server {

ControllerMachine::ControllerMachine(MachineListener& listener)
    : listener_(listener), image_(std::make_shared<const ClusterImage>()) {}

void ControllerMachine::Apply(const raft::Entry& entry) {
  if (stuck_) return;
  ClusterImage image = *image_;  // topics are shared: the copy costs pointers, not partitions
  image.version = entry.index;
  applied_term_ = entry.term;
  if (entry.type == raft::EntryType::kCommand) {
    const Result<record::Command> command = record::DecodeCommand(entry.payload.view());
    if (!command.ok()) {
      stuck_ = true;
      listener_.OnCannotFold(command.error());
      return;
    }
    Result<int64_t> outcome = Fold(command->body, &image);
    auto it = expected_.find(command->request);
    if (it != expected_.end()) it->second = std::move(outcome);
  }
  Publish(std::move(image));
}

Bytes ControllerMachine::EncodeState() const { return record::EncodeImage(*image_); }

Status ControllerMachine::RestoreState(std::string_view state, int64_t, int64_t) {
  applied_term_ = 0;
  if (state.empty()) {
    Publish(ClusterImage());
    return {};
  }
  Result<ClusterImage> image = record::DecodeImage(state);
  if (!image.ok()) {
    stuck_ = true;
    listener_.OnCannotFold(image.error());
    return image.error();
  }
  Publish(*std::move(image));
  return {};
}

void ControllerMachine::OnLeaderReady(raft::Term) { listener_.OnLeading(true); }

void ControllerMachine::OnLeadershipLost() { listener_.OnLeading(false); }

void ControllerMachine::Expect(uint64_t request) { expected_[request] = std::nullopt; }

std::optional<Result<int64_t>> ControllerMachine::TakeOutcome(uint64_t request) {
  auto node = expected_.extract(request);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void ControllerMachine::Publish(ClusterImage image) {
  image_ = std::make_shared<const ClusterImage>(std::move(image));
  listener_.OnImage(image_);
}

}  // namespace jangada::server
