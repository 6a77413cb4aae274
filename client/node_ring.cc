#include "client/node_ring.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace jangada::client {

NodeRing::NodeRing(std::vector<std::string> bootstrap) {
  CHECK(!bootstrap.empty());
  for (std::string& address : bootstrap) nodes_.push_back({std::move(address), true, 0});
}

void NodeRing::Learn(const std::vector<std::string>& addresses) {
  const auto listed = [&](const std::string& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  };
  std::erase_if(nodes_, [&](const Node& node) { return !node.bootstrap && !listed(node.address); });
  for (const std::string& address : addresses) {
    const bool known = std::any_of(nodes_.begin(), nodes_.end(),
                                   [&](const Node& node) { return node.address == address; });
    if (!known && !address.empty()) nodes_.push_back({address, false, 0});
  }
}

const std::string& NodeRing::Next() const {
  return std::min_element(nodes_.begin(), nodes_.end(),
                          [](const Node& a, const Node& b) { return a.failed_at < b.failed_at; })
      ->address;
}

void NodeRing::Failed(const std::string& address) {
  for (Node& node : nodes_) {
    if (node.address == address) node.failed_at = ++failures_;
  }
}

bool NodeRing::AllFailed() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [](const Node& node) { return node.failed_at != 0; });
}

void NodeRing::Answered(const std::string& address) {
  for (Node& node : nodes_) {
    if (node.address == address) node.failed_at = 0;
  }
}

}  // namespace jangada::client
