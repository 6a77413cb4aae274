// Metadata: which topics exist, how many partitions they have and who leads them, as far as any
// node has told us. All of it is a hint: a wrong leader answers kNotLeader, which corrects it here.
// Lives on the client's loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/callback.h"
#include "base/executor.h"
#include "client/node_ring.h"
#include "client/wire.h"
#include "jangada/options.h"

namespace jangada::client {

class Metadata {
 public:
  /// `loop` and `wire` outlive it and everything that it starts.
  Metadata(Executor& loop, Wire& wire, NodeRing& nodes, const ClientOptions& options);

  /// nullopt: not known yet, or the topic is unknown (see UnknownSince).
  std::optional<int32_t> PartitionCount(const std::string& topic) const;
  /// Empty: not known.
  std::string LeaderOf(const TopicPartition& where) const;
  /// When the question was asked whose answer is known now; 0: none is.
  int64_t AsOfUs(const std::string& topic) const;
  /// The topic's UUID as last told; empty: not known.
  std::string TopicId(const std::string& topic) const;
  /// Since when nodes have answered that there is no such topic; 0: they have not.
  int64_t UnknownSinceUs(const std::string& topic) const;

  /// Asks for news of the topic: at once the first time, then ever less often while they are wanted
  /// again.
  void Want(const std::string& topic);

  /// While anybody follows a topic it is asked about now and then without a reason, so that new
  /// partitions are seen. As many Unfollows as Follows.
  void Follow(const std::string& topic);
  void Unfollow(const std::string& topic);

  /// What a kNotLeader said. An empty address: nobody is known to lead.
  void LearnLeader(const TopicPartition& where, const std::string& address);
  /// The node broke a connection or hangs: it is believed to lead nothing until somebody says so
  /// again.
  void NodeFailed(const std::string& address);

  using ListenerId = uint64_t;
  /// Called after each answer about a topic, good or bad. Not from within a listener.
  ListenerId Listen(Callback<const std::string&> listener);
  void StopListening(ListenerId id);

 private:
  struct Topic {
    std::vector<std::string> leaders;  // by partition
    std::string id;
    bool known = false;
    int64_t unknown_since_us = 0;
    bool asking = false;
    Executor::TimerId timer = 0;
    int64_t backoff_us = 0;
    int64_t asked_at_us = 0;
    int64_t as_of_us = 0;
    int followers = 0;
    Executor::TimerId refresh = 0;  // runs while there are followers
  };

  void Ask(const std::string& name);
  void RefreshLater(const std::string& name);
  void OnAnswer(const std::string& name, const std::string& node, Reply<TopicsView> reply);
  void Adopt(Topic* topic, const TopicsView& view);
  void Tell(const std::string& name);

  Executor& loop_;
  Wire& wire_;
  NodeRing& nodes_;
  const ClientOptions& options_;
  std::map<std::string, Topic> topics_;
  std::map<ListenerId, Callback<const std::string&>> listeners_;
  ListenerId last_listener_ = 0;
};

}  // namespace jangada::client
