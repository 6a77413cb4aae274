// EndProber: asks those who believe that they lead where their partitions end, and above all those
// who were replaced and do not know it. Whoever answers must have confirmed that it leads: its end
// is no lower than what was committed before the question. One thread.
#pragma once

#include <vector>

#include "tests/sim/clients.h"
#include "tests/sim/cluster.h"

namespace jangada::sim {

class EndProber {
 public:
  EndProber(ClientContext& context, Cluster& cluster,
            std::vector<server::TopicPartition> partitions);

  void Start() { Look(); }
  void Finish() { finishing_ = true; }

 private:
  struct Leader {
    NodeId node;
    server::TopicPartition where;
    GroupId group;
  };

  void Look();
  void Ask(const Leader& leader);

  ClientContext& context_;
  Cluster& cluster_;
  const std::vector<server::TopicPartition> partitions_;
  Random random_;
  bool finishing_ = false;
};

}  // namespace jangada::sim
