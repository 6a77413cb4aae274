// Every request of the Kafka door: the input chooses one of the table's keys, a version, and how
// the broker behaves; the rest is the request's body. Decoded, handled and answered as a client's.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "server/kafka/apis.h"
#include "server/kafka/messages/00_produce.h"
#include "server/kafka/protocol.h"
#include "tests/fuzz/kafka_desk.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

using server::kafka::Api;
using server::kafka::Apis;
using server::kafka::Writer;

std::string Join(const std::vector<Bytes>& parts) {
  std::string all;
  for (const Bytes& part : parts) all += part.view();
  return all;
}

/// A request's head, and all that follows it.
std::string FrameOf(const Api& api, int16_t version, std::string_view body) {
  Writer writer;
  writer.WriteMessage(server::kafka::RequestHeader{
      .key = api.key, .version = version, .correlation_id = 7, .client_id = "fuzz"});
  if (version >= api.flexible_since) writer.NoTags();
  return Join(writer.Finish()).substr(sizeof(int32_t)).append(body);
}

/// The choices that lead to `key` and `version`; nullopt: not served.
std::optional<std::string> Choices(int16_t key, int16_t version) {
  for (size_t i = 0; i < Apis().size(); ++i) {
    const Api& api = Apis()[i];
    if (api.key != key || version < api.min_version || version > api.max_version) continue;
    return std::string{static_cast<char>(i), static_cast<char>(version - api.min_version), 0};
  }
  return std::nullopt;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// The requests that Kafka's own classes wrote, for every key and version.
void AddGolden(std::vector<std::string>* seeds) {
  for (const auto& entry : std::filesystem::directory_iterator(KAFKA_GOLDEN)) {
    if (entry.path().extension() != ".txt") continue;
    const auto key = static_cast<int16_t>(std::stoi(entry.path().filename().string()));
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string direction, variant, hex;
      int version = 0;
      words >> direction >> version >> variant >> hex;
      if (direction != "request") continue;
      const auto choices = Choices(key, static_cast<int16_t>(version));
      if (choices) seeds->push_back(*choices + FromHex(hex));
    }
  }
}

/// What a producer really sends.
void AddProduce(std::vector<std::string>* seeds) {
  using server::kafka::ProduceRequest;
  const ProduceRequest request{
      .acks = -1,
      .timeout_ms = 1000,
      .topics = {{.name = "t",
                  .partitions = {{.index = 1, .records = server::kafka::Records{{SomeBatch()}}}}}}};
  for (const int16_t version : {int16_t{3}, int16_t{9}, int16_t{11}}) {
    Writer writer;
    writer.SetVersion(version, version >= ProduceRequest::kFlexibleSince);
    writer.WriteMessage(request);
    const std::string body = Join(writer.Finish()).substr(sizeof(int32_t));
    seeds->push_back(*Choices(ProduceRequest::kKey, version) + body);
  }
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const Api& api = Apis()[input.Byte() % Apis().size()];
  const int versions = api.max_version - api.min_version + 1;
  const auto version = static_cast<int16_t>(api.min_version + input.Byte() % versions);
  const uint8_t mood = input.Byte();
  KafkaDesk desk;
  if (mood > 0) {
    const int codes = static_cast<int>(ErrorCode::kInternal) + 1;
    desk.broker().FailWith(static_cast<ErrorCode>(mood % codes));
    const int group_codes = static_cast<int>(server::GroupError::kSubscribed) + 1;
    desk.broker().groups().FailWith(static_cast<server::GroupError>(mood % group_codes));
  }
  {
    const auto reply = desk.Ask(Bytes(FrameOf(api, version, input.Rest())));
    if (!reply.frame.empty()) {
      CHECK_EQ(LoadBig<int32_t>(reply.frame.front().data() + sizeof(int32_t)), 7);
    }
  }
  desk.CheckNothingHeld();
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  AddGolden(&seeds);
  AddProduce(&seeds);
  CHECK(!seeds.empty());
  return seeds;
}

}  // namespace jangada::fuzz
