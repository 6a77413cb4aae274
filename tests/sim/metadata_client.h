// MetadataClient: somebody who makes topics, grows them, alters their settings, deletes them, and
// looks at what there is, at any node, against others who do the same to the same names.
// MetadataRecorder keeps what all of them did and were told, for CheckMetadata. A node's image may
// be old, but it shows what the node has answered for, and never goes back in one life of the node.
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/history/metadata.h"
#include "tests/sim/clients.h"

namespace jangada::sim {

class MetadataRecorder {
 public:
  using Operation = history::MetadataOperation;

  explicit MetadataRecorder(World& world) : world_(world) {}

  /// The number of the operation, which begins now, its fate unknown.
  size_t Begin(Operation operation);
  /// At the node, while it serves the read `number`: after all reads that it served before.
  void OnServed(size_t number, NodeId node, uint64_t life);
  /// `life`: of the process that answered.
  void OnDone(size_t number, NodeId node, uint64_t life);
  void OnRefused(size_t number, Operation::Answer answer);
  void OnRead(size_t number, std::optional<history::TopicSeen> seen);
  /// It was not done, and nothing was learned.
  void Void(size_t number);
  /// What a node that knows all shows now.
  void AddRead(const std::string& topic, std::optional<history::TopicSeen> seen);

  const std::vector<Operation>& history() const { return history_; }
  /// How many changes of the topic may have been made or not.
  size_t UnknownOf(const std::string& topic) const;

 private:
  /// What a node's image is known to show.
  struct Copy {
    uint64_t life = 0;
    int64_t shows_since = 0;    // the newest begin among what was answered here
    std::vector<size_t> shown;  // what was answered since the last read, and that read
  };

  void End(size_t number, Operation::Answer answer);

  World& world_;
  int64_t now_ = 0;  // counts calls and answers
  std::vector<Operation> history_;
  std::map<std::pair<NodeId, std::string>, Copy> copies_;
};

/// What the image says of the topic.
std::optional<history::TopicSeen> SeenIn(const server::ClusterImage& image,
                                         const std::string& topic);

class MetadataClient {
 public:
  static constexpr int kTopics = 2;

  MetadataClient(ClientContext& context, MetadataRecorder& recorder, uint64_t number);

  void Start() { Think(); }
  void Finish() { finishing_ = true; }
  static std::string TopicName(uint64_t number) { return "meta-" + std::to_string(number); }

 private:
  using Operation = MetadataRecorder::Operation;

  void Think();
  void Create(const std::string& topic, NodeId at);
  void Delete(const std::string& topic, NodeId at);
  void Grow(const std::string& topic, NodeId at);
  void Alter(const std::string& topic, NodeId at);
  void Read(const std::string& topic, NodeId at);
  /// `call` gets the broker and a Callback<Result<T>>.
  template <class T, class Call>
  void Ask(Operation operation, NodeId at, Call call);
  void OnError(size_t number, const Error& error);

  ClientContext& context_;
  MetadataRecorder& recorder_;
  Random random_;
  bool finishing_ = false;
};

}  // namespace jangada::sim
