// LeaderProber: asks those who believe that they lead, and above all those who were replaced and do
// not know it, two things that nobody may answer who has not confirmed that he leads: where a
// partition ends, and whether a batch comes in its turn. An end is no lower than what was committed
// before the question; and who was replaced before the question says neither. One thread.
#pragma once

#include <functional>
#include <vector>

#include "tests/sim/clients.h"
#include "tests/sim/cluster.h"

namespace jangada::sim {

class LeaderProber {
 public:
  LeaderProber(ClientContext& context, Cluster& cluster,
               std::vector<server::TopicPartition> partitions);

  void Start() { Look(); }
  void Finish() { finishing_ = true; }

 private:
  struct Leader {
    NodeId node;
    server::TopicPartition where;
    GroupId group;
  };
  /// What a node said, and the term in which its replica was when it said so.
  template <class T>
  struct Said {
    Result<T> what;
    raft::Term term = 0;
  };

  void Look();
  template <class T>
  void Ask(const Leader& leader, std::function<void(server::Broker&, Callback<Result<T>>)> question,
           std::function<void(const Said<T>&)> judge);
  void AskForEnd(const Leader& leader);
  void SendOutOfTurn(const Leader& leader);
  void CheckIsInOffice(const Leader& leader, raft::Term newest, raft::Term its, const char* deed);

  ClientContext& context_;
  Cluster& cluster_;
  const std::vector<server::TopicPartition> partitions_;
  Random random_;
  bool finishing_ = false;
};

}  // namespace jangada::sim
