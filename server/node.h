// Node: the composition root. Builds the rooms in order, starts them, and takes them down again so
// that no acknowledged record is left behind. One thread starts and stops it; the rest happens on
// the threads that it made: shards, the log writer, gRPC's.
//
// Order of life: data folder, store, shards, transport, founding (finding out which cluster this
// is), group 0, the partitions that its image names, the clients' door.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "server/config.h"

namespace jangada::server {

class Node {
 public:
  /// `on_fatal`: the node must end now, with this sentence; called at most once, from any thread,
  /// and it must not call back into the node. After kIoError nothing is known of the disk: end
  /// without Stop().
  Node(Config config, std::function<void(const Error&)> on_fatal);
  ~Node();  // without Stop(): as if killed
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Opens the folder, listens, and begins to look for the cluster; returns before it is found. An
  /// error names what is in the way (a busy port, another process on the folder, a folder of
  /// another node or version).
  Status Start();

  /// Drains: hands its leaderships over, answers what is under way, writes last checkpoints,
  /// closes. REQUIRES: started.
  void Stop();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangada::server
