#include "server/kafka/dispatcher.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "base/random.h"
#include "server/kafka/apis.h"
#include "tests/server/kafka/dispatch_fixture.h"
#include "tests/server/kafka/golden.h"

namespace jangada::server::kafka {
namespace {

using testing::EncodeRequest;
using testing::Join;

class KafkaDispatcher : public testing::DispatchFixture {
 protected:
  std::string Raw(int16_t key, int16_t version) {
    Writer writer;
    writer.WriteMessage(RequestHeader{.key = key, .version = version, .correlation_id = 7});
    return Join(writer.Finish());
  }
  void ExpectClosed(const std::string& frame, const std::string& why) {
    const Reply reply = Get(Send(frame));
    EXPECT_TRUE(reply.frame.empty());
    EXPECT_THAT(reply.close.value_or(""), ::testing::HasSubstr(why));
  }
};

TEST_F(KafkaDispatcher, ApiVersionsAdvertisesTheTableInEveryVersion) {
  for (int16_t version = 0; version <= 4; ++version) {
    const auto response = Ask(ApiVersionsRequest{"librdkafka", "2.0.2"}, version);
    EXPECT_EQ(response.error_code, Code::kNone);
    ASSERT_EQ(response.api_keys.size(), Apis().size());
    for (size_t i = 0; i < Apis().size(); ++i) {
      EXPECT_EQ(response.api_keys[i].key, Apis()[i].key);
      EXPECT_EQ(response.api_keys[i].max_version, Apis()[i].max_version);
    }
  }
}

TEST_F(KafkaDispatcher, OldLibrdkafkaFindsTheExactVersionsThatItLooksFor) {
  const auto advertises = [&](int16_t key, int16_t version) {
    for (const auto& api : Ask(ApiVersionsRequest{}, 0).api_keys) {
      if (api.key == key) return api.min_version <= version && version <= api.max_version;
    }
    return false;
  };
  EXPECT_TRUE(advertises(0, 0)) << "or it turns compression off";
  EXPECT_TRUE(advertises(0, 7) && advertises(1, 10)) << "zstd";
  EXPECT_TRUE(advertises(1, 4));
  EXPECT_TRUE(advertises(18, 0));
  EXPECT_TRUE(advertises(22, 0));
}

TEST_F(KafkaDispatcher, AnUnknownVersionOfApiVersionsIsAnsweredInVersion0WithItsRange) {
  const Reply reply = Get(Send(Raw(18, 99)));
  EXPECT_FALSE(reply.close.has_value());
  const auto response = testing::DecodeResponse<ApiVersionsRequest>(Join(reply.frame), 0);
  EXPECT_EQ(response.error_code, Code::kUnsupportedVersion);
  ASSERT_EQ(response.api_keys.size(), 1u);
  EXPECT_EQ(response.api_keys[0].key, 18);
  EXPECT_EQ(response.api_keys[0].max_version, 4);
}

TEST_F(KafkaDispatcher, ANamelessClientSoftwareIsAnInvalidRequest) {
  for (const std::string name : {"", "-x", "a b", "x."}) {
    EXPECT_EQ(Ask(ApiVersionsRequest{name, "1.0"}, 3).error_code, Code::kInvalidRequest) << name;
  }
}

TEST_F(KafkaDispatcher, UnknownKeysAndVersionsCloseTheConnection) {
  ExpectClosed(Raw(4, 0), "key=4");  // between brokers only
  ExpectClosed(Raw(9999, 0), "key=9999");
  ExpectClosed(Raw(-1, 0), "key=-1");
  ExpectClosed(Raw(0, 2), "version=2");  // told, not served
  ExpectClosed(Raw(1, 17), "version=17");
  ExpectClosed(Raw(3, -1), "version=-1");
}

TEST_F(KafkaDispatcher, ARequestThatCannotBeReadClosesTheConnection) {
  ExpectClosed(std::string("\0\0\0\2\0\3", 6), "the head of a request");
  std::string frame = EncodeRequest(MetadataRequest{}, 9);
  frame.resize(frame.size() - 1);
  ExpectClosed(frame, "could not be read");
}

TEST_F(KafkaDispatcher, RequestsAreCountedByKeyWithTheirTimeAndTheirErrors) {
  cluster_.AddTopic("t", 1, NodeId(1));
  const auto counted = [&](const std::string& name) {
    for (const KafkaRequestStats& request : dispatcher_.stats().requests) {
      if (request.request == name) return request;
    }
    ADD_FAILURE() << name;
    return KafkaRequestStats{};
  };
  EXPECT_EQ(dispatcher_.stats().requests.size(), Apis().size()) << "also those not asked yet";
  Produce(ProduceOf("t", testing::BatchOf({"a"})));
  Produce(ProduceOf("t", testing::BatchOf({"b"})));
  EXPECT_EQ(counted("Produce").latency.count(), 2u);
  EXPECT_EQ(counted("Produce").errors, 0u);
  Produce(ProduceOf("none", testing::BatchOf({"c"})));
  EXPECT_EQ(counted("Produce").errors, 1u) << "of one partition";
  // acks=0 is answered by nothing, and refused by closing.
  Get(Send(EncodeRequest(ProduceOf("t", testing::BatchOf({"d"}), 0), 9)));
  EXPECT_EQ(counted("Produce").errors, 1u);
  Get(Send(EncodeRequest(ProduceOf("none", testing::BatchOf({"e"}), 0), 9)));
  EXPECT_EQ(counted("Produce").errors, 2u);
  EXPECT_EQ(counted("Produce").latency.count(), 5u);

  EXPECT_EQ(counted("Fetch").latency.count(), 0u);
  EXPECT_EQ(dispatcher_.stats().unserved, 0u);
  Get(Send(Raw(9999, 0)));
  Get(Send(Raw(18, 99)));
  Get(Send(std::string("\0\0\0\2\0\3", 6)));
  EXPECT_EQ(dispatcher_.stats().unserved, 3u);
}

TEST_F(KafkaDispatcher, EveryAdvertisedVersionHasGoldenBytesInBothDirections) {
  std::set<std::tuple<int16_t, int16_t, bool>> golden;
  for (const testing::GoldenVector& vector : testing::LoadGolden()) {
    golden.emplace(vector.key, vector.version, vector.is_request);
  }
  for (const Api& api : Apis()) {
    for (int16_t version = api.min_version; version <= api.max_version; ++version) {
      EXPECT_TRUE(golden.contains({api.key, version, true})) << api.name << " v" << version;
      EXPECT_TRUE(golden.contains({api.key, version, false})) << api.name << " v" << version;
    }
  }
}

TEST_F(KafkaDispatcher, EveryGoldenRequestIsAnsweredOrRefusedWithoutHarm) {
  for (const testing::GoldenVector& vector : testing::LoadGolden()) {
    const Api* api = FindApi(vector.key);
    if (!vector.is_request || api == nullptr || vector.version < api->min_version) continue;
    Writer writer;
    writer.WriteMessage(
        RequestHeader{.key = vector.key, .version = vector.version, .correlation_id = 7});
    if (vector.version >= api->flexible_since) writer.NoTags();
    std::string frame = Join(writer.Finish()) + vector.bytes;
    gone_->Set();  // nobody waits for a long poll of days
    const Reply reply = Get(Send(frame));
    EXPECT_TRUE(reply.close.has_value() || !reply.frame.empty()) << vector.Name();
    EXPECT_THAT(reply.close.value_or(""), ::testing::Not(::testing::HasSubstr("not be read")))
        << vector.Name();
  }
}

TEST_F(KafkaDispatcher, RandomFramesAreRefusedOrAnswered) {
  Random random(6);
  gone_->Set();
  for (int round = 0; round < 3000; ++round) {
    std::string body(random.Below(120), '\0');
    for (char& byte : body) byte = static_cast<char>(random.Below(256));
    if (random.Chance(9, 10) && body.size() >= 4) {  // mostly a key and version that are served
      const Api& api = Apis()[random.Below(Apis().size())];
      StoreBig(body.data(), api.key);
      StoreBig(body.data() + 2,
               static_cast<int16_t>(random.Between(static_cast<uint64_t>(api.min_version),
                                                   static_cast<uint64_t>(api.max_version))));
    }
    Get(Send(std::string(4, '\0') + body));
  }
}

}  // namespace
}  // namespace jangada::server::kafka
