// RunMember: one member of the group of the Kafka workload, a process of its own, so that it can be
// killed and stopped as members are. It reads what it is assigned, commits what it read now and
// then and when its partitions are taken away, and writes everything down. On stdout it tells
// whoever started it: `read N`, `assigned GENERATION KEY...`, `revoked`.
#pragma once

#include "tests/chaos/kafka_settings.h"

namespace jangada::chaos {

/// Until SIGTERM, upon which it leaves, as far as a static member does. The exit code: 0 left, 1
/// its client gave up.
int RunMember(const KafkaOptions& options);

}  // namespace jangada::chaos
