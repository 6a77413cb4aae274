// DescribeCluster, key 60, v0 and v1: the live nodes, and one that takes changes of the cluster
// (each of them does).
#include "server/kafka/handlers/cluster_view.h"
#include "server/kafka/handlers/handlers.h"

namespace jangada::server::kafka {

void HandleDescribeCluster(Call<DescribeClusterRequest> call) {
  DescribeClusterResponse response;
  response.endpoint_type = call.request.endpoint_type;
  if (call.request.endpoint_type != kBrokerEndpoints) {
    response.error_code = Code::kUnsupportedEndpointType;
    response.error_message = "there are no controllers apart from the nodes: ask for brokers";
    return call.Answer(response);
  }
  const ClusterView view(call.broker());
  response.cluster_id = view.image().cluster_id.ToString();
  response.controller_id = view.ControllerId();
  response.brokers = view.Nodes();
  if (call.request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kClusterOperations;
  }
  call.Answer(response);
}

}  // namespace jangada::server::kafka
