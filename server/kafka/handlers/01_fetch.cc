// Fetch, key 1, v4 to v16. Sessionless: every request names its partitions, session_id 0 is
// answered. KIP-74: partitions are answered in the order asked for, up to max_bytes together; the
// first batch comes however large it is. With less than min_bytes to give it waits up to
// max_wait_ms, unless something is wrong with a partition. read_committed is the same as
// read_uncommitted: there are no transactions, every record below the high watermark is stable.
// From v13 on topics are named by id.
#include "server/kafka/handlers/fetch_work.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleFetch(Call<FetchRequest> call) {
  if (call.request.session_id != 0 && call.request.session_epoch > 0) {
    return call.Answer({.error_code = Code::kFetchSessionIdNotFound});
  }
  std::make_shared<FetchWork>(std::move(call))->Start();
}

}  // namespace jangada::server::kafka
