// What every gRPC tool expects of a server besides its own services: grpc.health.v1 and server
// reflection. Asked as a tool asks that knows none of our code: raw messages over the wire.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include "tests/server/grpc/door_fixture.h"

namespace jangada::server::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kServing[] = "\x08\x01";     // HealthCheckResponse{status: SERVING}
constexpr char kNotServing[] = "\x08\x02";  // ... NOT_SERVING

std::string Field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(bytes.size())) + bytes;
}

class StandardServicesTest : public DoorTest {
 protected:
  StandardServicesTest() : node_(StartNode(1)), stub_(node_.channel) {}

  /// One message there, one back; also of a stream's first exchange.
  grpc::Status Ask(const std::string& method, const std::string& request, std::string* answer) {
    grpc::CompletionQueue queue;
    const auto context = Context();
    auto call = stub_.PrepareCall(context.get(), method, &queue);
    grpc::Slice slice(request);
    grpc::ByteBuffer out(&slice, 1), in;
    grpc::Status status;
    call->StartCall(Tag(1));
    bool ok = Next(queue);
    if (ok) {
      call->WriteLast(out, grpc::WriteOptions(), Tag(2));
      ok = Next(queue);
    }
    if (ok) {
      call->Read(&in, Tag(3));
      ok = Next(queue);
    }
    if (ok) {
      grpc::Slice whole;
      EXPECT_TRUE(in.DumpToSingleSlice(&whole).ok());
      answer->assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
    call->Finish(&status, Tag(4));
    Next(queue);
    queue.Shutdown();
    return status;
  }

  std::string Health(const std::string& service) {
    std::string answer;
    const grpc::Status status =
        Ask("/grpc.health.v1.Health/Check", service.empty() ? "" : Field(1, service), &answer);
    return status.ok() ? answer : "error " + std::to_string(status.error_code());
  }

  TestNode& node_;

 private:
  static void* Tag(intptr_t number) { return reinterpret_cast<void*>(number); }
  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
};

TEST_F(StandardServicesTest, HealthIsNotServingUntilTheNodeSaysSo) {
  EXPECT_EQ(Health(""), kNotServing);
  node_.server->SetServing(true);
  EXPECT_EQ(Health(""), kServing);
  node_.server->SetServing(false);
  EXPECT_EQ(Health(""), kNotServing);
}

TEST_F(StandardServicesTest, HealthIsToldOfEachServiceByName) {
  EXPECT_EQ(Health("jangada.v1.Log"), kNotServing);
  node_.server->SetServing(true);
  EXPECT_EQ(Health("jangada.v1.Log"), kServing);
  EXPECT_EQ(Health("jangada.v1.Admin"), kServing);
  EXPECT_EQ(Health("jangada.v1.ConsumerGroup"), kServing);
  EXPECT_EQ(Health("jangada.v1.Nothing"), "error 5");  // NOT_FOUND
}

TEST_F(StandardServicesTest, CallsAreServedWhateverHealthSays) {
  cluster_.AddTopic("t", 1, NodeId(1));
  ASSERT_EQ(Health(""), kNotServing);
  EXPECT_TRUE(TryProduce(node_, One("t", 0, "v")).ok());
}

TEST_F(StandardServicesTest, ReflectionListsTheServicesAndShowsTheirFiles) {
  const std::string method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  std::string answer;
  ASSERT_TRUE(Ask(method, Field(7, ""), &answer).ok());  // list_services
  for (const char* service :
       {"jangada.v1.Log", "jangada.v1.Admin", "jangada.v1.ConsumerGroup", "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection"}) {
    EXPECT_THAT(answer, HasSubstr(service));
  }
  ASSERT_TRUE(Ask(method, Field(4, "jangada.v1.Admin"), &answer).ok());  // file_containing_symbol
  EXPECT_THAT(answer, HasSubstr("jangada/v1/admin.proto"));
  EXPECT_THAT(answer, HasSubstr("SetLogLevel"));
}

}  // namespace
}  // namespace jangada::server::testing
