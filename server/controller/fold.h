// Fold: what one controller record makes of the cluster image. Pure and deterministic: every node
// folds the same log into the same image. A command that is not valid in the image it meets changes
// nothing and gives an error, which is how commands that race get one winner.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "server/controller/cluster_image.h"
#include "server/controller/records.h"
#include "server/partition/topic_config.h"

namespace jangada::server {

/// Folds `command` into `*image`. The value is what the command answers: the first id of
/// AllotProducerIds, the number of changes made of ChangeReplicas, else 0. An error leaves the
/// image as it was.
Result<int64_t> Fold(const record::Body& command, ClusterImage* image);

/// A list of replicas that a person or a plan wrote: at least one, none twice, registered nodes. A
/// node that is being removed may stay where it is `present` and come nowhere else.
Status CheckReplicas(const ClusterImage& image, const std::vector<NodeId>& replicas,
                     const std::vector<NodeId>& present = {});

inline constexpr size_t kMaxPartitionsPerTopic = 10'000;
/// Of all topics, their own included. Kept by the controller's leader, not by the fold.
inline constexpr size_t kMaxPartitionsOfCluster = 50'000;
inline constexpr int64_t kMaxProducerIdsPerBlock = 1'000'000;

}  // namespace jangada::server
