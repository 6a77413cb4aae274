// ProduceLanes: one pipelined produce stream per node, and what is under way on each. A lane that
// breaks, or whose node answers nothing for too long, fails everything on it at once, oldest first,
// with unknown fate. Lives on the client's loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/executor.h"
#include "client/partition_queue.h"
#include "client/wire.h"

namespace jangada::client {

class ProduceLanes {
 public:
  struct Events {
    /// Once per Send, later. The number is the try's.
    std::function<void(const TopicPartition&, int64_t number, const Reply<ProduceAck>&)> on_answer;
    /// Before the answers that a broken lane brings.
    std::function<void(const std::string& node)> on_node_failed;
    /// A try waits strangely long: its leader may have moved without a broken connection.
    std::function<void(const TopicPartition&)> on_slow;
  };

  ProduceLanes(Executor& loop, Wire& wire, Events events)
      : loop_(loop), wire_(wire), events_(std::move(events)) {}
  ~ProduceLanes();

  void Send(const std::string& node, const TopicPartition& where, const PartitionQueue::Try& what);

  /// `where` is led by `node` now: tries that wait at another node are in vain, and that lane is
  /// given up.
  void LeaderIs(const TopicPartition& where, const std::string& node);

 private:
  struct UnderWay {
    TopicPartition where;
    int64_t number = 0;
    int64_t sent_us = 0;
    int64_t timeout_us = 0;
  };
  struct Lane {
    std::unique_ptr<ProduceStream> stream;
    std::map<int64_t, UnderWay> under_way;  // by lane number: oldest first
    Executor::TimerId watch = 0;
  };

  Lane& LaneTo(const std::string& node);
  void OnAnswer(const std::string& node, int64_t lane_number, const Reply<ProduceAck>& reply);
  void Break(const std::string& node, const Failure& failure);
  void Watch(const std::string& node);

  Executor& loop_;
  Wire& wire_;
  const Events events_;
  std::map<std::string, Lane> lanes_;
  int64_t last_number_ = 0;
};

}  // namespace jangada::client
