// DoorTest: a fake cluster of nodes, each with a real gRPC server on a free loopback port, and
// plain stubs to them, as a client in any language would have.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <jangada/v1/admin.grpc.pb.h>
#include <jangada/v1/group.grpc.pb.h>
#include <jangada/v1/log.grpc.pb.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/grpc/grpc_server.h"
#include "server/grpc/status_map.h"
#include "tests/server/fake_cluster.h"

namespace jangada::server::testing {

inline constexpr std::chrono::seconds kTestDeadline{20};

class DoorTest : public ::testing::Test {
 protected:
  struct TestNode {
    explicit TestNode(FakeCluster& cluster, NodeId id, const GrpcServerOptions& options)
        : broker(cluster, id), server(std::make_unique<GrpcServer>(broker, options)) {}
    FakeBroker broker;
    std::unique_ptr<GrpcServer> server;
    std::unique_ptr<v1::Log::Stub> log;
    std::unique_ptr<v1::Admin::Stub> admin;
    std::unique_ptr<v1::ConsumerGroup::Stub> groups;
    std::shared_ptr<grpc::Channel> channel;
  };

  void TearDown() override {
    for (auto& [id, node] : nodes_) node->broker.ReleaseAnswers();
    for (auto& [id, node] : nodes_) {
      if (node->server) node->server->Shutdown(0);
    }
  }

  TestNode& StartNode(int32_t id, const GrpcServerOptions& options = {}) {
    auto node = std::make_unique<TestNode>(cluster_, NodeId(id), options);
    const Status started = node->server->Start("127.0.0.1:0");
    EXPECT_TRUE(started.ok());
    const uint16_t port = node->server->port();
    cluster_.AddNode(NodeId(id), port);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(64 << 20);
    node->channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                              grpc::InsecureChannelCredentials(), arguments);
    node->log = v1::Log::NewStub(node->channel);
    node->admin = v1::Admin::NewStub(node->channel);
    node->groups = v1::ConsumerGroup::NewStub(node->channel);
    return *(nodes_[id] = std::move(node));
  }

  static std::unique_ptr<grpc::ClientContext> Context(
      std::chrono::milliseconds timeout = kTestDeadline) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + timeout);
    return context;
  }

  static v1::ErrorDetail Detail(const grpc::Status& status) {
    const auto detail = grpc_door::DetailFrom(status);
    EXPECT_TRUE(detail.has_value())
        << "no detail: " << status.error_code() << " " << status.error_message();
    return detail.value_or(v1::ErrorDetail());
  }

  /// A request for one record of `topic`, whose partition is named unless it is -1.
  static v1::ProduceRequest One(const std::string& topic, int32_t partition,
                                const std::string& value) {
    v1::ProduceRequest request;
    request.set_topic(topic);
    if (partition >= 0) request.set_partition(partition);
    request.add_records()->set_value(value);
    return request;
  }

  static v1::ProduceResponse Produce(TestNode& node, const v1::ProduceRequest& request) {
    v1::ProduceResponse response;
    const auto context = Context();
    const grpc::Status status = node.log->Produce(context.get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  static grpc::Status TryProduce(TestNode& node, const v1::ProduceRequest& request,
                                 std::chrono::milliseconds timeout = kTestDeadline) {
    v1::ProduceResponse response;
    const auto context = Context(timeout);
    return node.log->Produce(context.get(), request, &response);
  }

  std::vector<std::string> Values(const TopicPartition& where) {
    std::vector<std::string> values;
    for (const auto& record : cluster_.Records(where))
      values.push_back(record.value.value_or("(none)"));
    return values;
  }

  /// Waits until `condition` holds, at most kTestDeadline.
  static bool Eventually(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kTestDeadline;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  FakeCluster cluster_;
  std::map<int32_t, std::unique_ptr<TestNode>> nodes_;
};

}  // namespace jangada::server::testing
