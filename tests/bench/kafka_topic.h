// What kafka_load asks of a cluster about topics. librdkafka's C++ face can't, its C face can.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Makes it and waits until every partition has a leader. Empty: done; else why not. A topic that
/// exists is as good.
std::string CreateTopic(const std::string& bootstrap, const std::string& topic, int32_t partitions,
                        int32_t replicas);

/// The node that leads each partition; -1: nobody. Empty: there is no such topic.
std::vector<int32_t> LeadersOf(const std::string& bootstrap, const std::string& topic);
