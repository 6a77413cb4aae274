// ImageHolder: the newest ClusterImage, for all threads. Written by the controller's executor.
#pragma once

#include <atomic>
#include <memory>

#include "server/controller/cluster_image.h"

namespace jangada::server {

class ImageHolder {
 public:
  /// Never nullptr: before the first image an empty one.
  ClusterImagePtr Get() const { return image_.load(std::memory_order_acquire); }
  void Set(ClusterImagePtr image) { image_.store(std::move(image), std::memory_order_release); }

  /// Whether group 0 has a leader whose connections this node takes, and the image holds all that
  /// was decided before its term. What it says against a peer counts only then: else the peer may
  /// be the leader, whose disk was replaced, and from whom alone this node could learn that.
  bool IsCurrent() const { return current_.load(std::memory_order_acquire); }
  void SetCurrent(bool current) { current_.store(current, std::memory_order_release); }

 private:
  std::atomic<bool> current_ = false;
  std::atomic<ClusterImagePtr> image_{std::make_shared<const ClusterImage>()};
};

}  // namespace jangada::server
