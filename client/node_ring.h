// NodeRing: the nodes that may be asked, and whom to ask next: the one that answered last, until it
// fails. Pure; lives on the client's loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jangada::client {

class NodeRing {
 public:
  /// REQUIRES: bootstrap is not empty.
  explicit NodeRing(std::vector<std::string> bootstrap);

  /// Bootstrap nodes stay; of the others those that the cluster still lists.
  void Learn(const std::vector<std::string>& addresses);

  /// The preferred node: it failed longest ago, or never.
  const std::string& Next() const;
  /// `address` did not answer: the others are tried before it.
  void Failed(const std::string& address);
  /// Every node failed since its last answer: it is time to pause.
  bool AllFailed() const;
  void Answered(const std::string& address);

  size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    std::string address;
    bool bootstrap = false;
    uint64_t failed_at = 0;  // a count of failures, 0: since its last answer, none
  };

  std::vector<Node> nodes_;
  uint64_t failures_ = 0;
};

}  // namespace jangada::client
