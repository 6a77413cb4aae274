// ReadBatches: the numbers that idempotent producers gave their batches, as they stand in a
// partition's log. librdkafka shows them to no consumer, so they are asked for at the gRPC door,
// which answers batches as they are stored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/history/history.h"

namespace jangada::chaos {

/// Every batch below `end`, as operations of `process` (Function::kBatch).
Result<std::vector<history::Operation>> ReadBatches(const std::string& address,
                                                    const std::string& topic, int32_t partition,
                                                    int64_t end, int64_t process);

}  // namespace jangada::chaos
