// The commands of `jangada`, each a function from its options to a status. They print what was
// asked for on stdout; main prints the error's sentence on stderr and turns its code into the exit
// code.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/client.h"

namespace jangada::client {

/// What every command gets.
struct Context {
  Client& client;
  int64_t timeout_ms = 10'000;
};

// ---- topic_commands.cc ----
struct CreateTopicOptions {
  std::string name;
  int32_t partitions = 1;
  int32_t replicas = 0;              // 0: three, or as many as there are nodes
  std::vector<std::string> configs;  // key=value
};
Status CreateTopicCommand(const Context& context, const CreateTopicOptions& options);
Status ListTopicsCommand(const Context& context);
Status DescribeTopicCommand(const Context& context, const std::string& name);
Status DeleteTopicCommand(const Context& context, const std::string& name);

// ---- produce_command.cc ----
struct ProduceOptions {
  std::string topic;
  std::string file;           // empty or "-": stdin
  std::string key_separator;  // empty: none
  int32_t key_field = 0;      // the word, counted from 1, that is the key; 0: none
  double rate = 0;            // records per second; 0: as fast as they go
  bool print_offsets = false;
  std::string compression = "none";
};
Status ProduceCommand(const Context& context, const ProduceOptions& options);

/// The key and the value that a line stands for. A line without the separator, or with fewer words
/// than key_field, has no key. Exposed for its tests.
storage::Record RecordOfLine(std::string line, const ProduceOptions& options);

// ---- consume_command.cc ----
struct ConsumeOptions {
  std::string topic;
  std::string from = "beginning";
  std::vector<int32_t> partitions;  // none: all
  int64_t count = 0;                // 0: no limit
  bool follow = false;
  std::string format = "%v\\n";
};
Status ConsumeCommand(const Context& context, const ConsumeOptions& options);

// ---- cluster_commands.cc ----
Status ClusterStatusCommand(const Context& context);
Status ClusterNodesCommand(const Context& context);
Status ClusterLeadersCommand(const Context& context);
Status AddNodeCommand(const Context& context, int32_t node);
Status RemoveNodeCommand(const Context& context, int32_t node);

struct PartitionOptions {
  std::string topic;
  int32_t partition = 0;
  int32_t node = 0;               // transfer-leader
  std::vector<int32_t> replicas;  // move
};
Status MovePartitionCommand(const Context& context, const PartitionOptions& options);
Status TransferLeaderCommand(const Context& context, const PartitionOptions& options);

}  // namespace jangada::client
