#include "server/grpc/timer.h"

#include <grpcpp/alarm.h>

#include <memory>

namespace jangada::server::grpc_door {
namespace {

struct PendingTask {
  grpc::Alarm alarm;
  Callback<> task;
};

}  // namespace

void RunAfter(int64_t delay_us, Callback<> task) {
  auto* pending = new PendingTask{{}, std::move(task)};
  pending->alarm.Set(ToGrpc(AfterNow(delay_us)), [pending](bool) {
    // The alarm may go in its own callback: the library holds on to what still runs.
    const std::unique_ptr<PendingTask> owned(pending);
    Callback<> due = std::move(owned->task);
    due();
  });
}

}  // namespace jangada::server::grpc_door
