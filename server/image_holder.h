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

 private:
  std::atomic<ClusterImagePtr> image_{std::make_shared<const ClusterImage>()};
};

}  // namespace jangada::server
