// Consumer groups: the commands of their log, folded one after the other, the state in checkpoints,
// what consumers say of themselves, and what they are assigned.
#include "base/check.h"
#include "server/groups/consumer_protocol.h"
#include "server/groups/records.h"
#include "server/groups/shard_state.h"
#include "tests/fuzz/target.h"

namespace jangada::fuzz {
namespace {

namespace groups = server::groups;

enum Kind : uint8_t { kCommands, kState, kSubscription, kAssignment, kKinds };

void CheckState(const groups::ShardState& state) {
  groups::ShardState again;
  CHECK(again.Restore(state.Encode().view()).ok());
  CHECK(again == state);
}

/// Commands, each after two bytes with its length.
void Fold(Input input) {
  groups::ShardState state;
  while (!input.AtEnd()) {
    const size_t high = input.Byte();
    const size_t size = high << 8 | input.Byte();
    const auto command = groups::DecodeCommand(input.Take(size));
    if (!command.ok()) continue;
    const Bytes bytes = groups::EncodeCommand(*command);
    CHECK(groups::DecodeCommand(bytes.view()).ok());
    state.Apply(*command);
  }
  CheckState(state);
}

std::string WithSize(const groups::Command& command) {
  const Bytes bytes = groups::EncodeCommand(command);
  std::string out{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())};
  return out + bytes.ToString();
}

template <size_t... kPlaces>
std::string OneOfEach(std::index_sequence<kPlaces...>) {
  return (WithSize(groups::Command(std::variant_alternative_t<kPlaces, groups::Command>())) + ...);
}

std::string Subscription() {
  std::string out("\0\1\0\0\0\2", 6);
  for (const std::string topic : {"orders", "t"}) {
    out += std::string{'\0', static_cast<char>(topic.size())} + topic;
  }
  return out + std::string("\xff\xff\xff\xff", 4);
}

void CheckSubscription(std::string_view bytes) {
  const auto topics = groups::SubscribedTopics(bytes);
  if (topics) CHECK_LE(topics->size(), bytes.size());
  const auto said = groups::DecodeSubscription(bytes);
  if (!said) return;
  CHECK(topics && *topics == said->topics);
  const auto again = groups::DecodeSubscription(groups::EncodeSubscription(*said));
  CHECK(again && again->topics == said->topics && again->user_data == said->user_data);
  CHECK_EQ(again->owned.size(), said->owned.size());
}

void CheckAssignment(std::string_view bytes) {
  const auto given = groups::DecodeAssignment(bytes);
  if (!given) return;
  const auto again = groups::DecodeAssignment(groups::EncodeAssignment(*given));
  CHECK(again && again->size() == given->size());
}

}  // namespace

void Run(std::string_view bytes) {
  Input input(bytes);
  const uint8_t kind = input.Byte() % kKinds;
  if (kind == kCommands) return Fold(input);
  const std::string_view rest = input.Rest();
  if (kind == kState) {
    groups::ShardState state;
    if (state.Restore(rest).ok()) CheckState(state);
    return;
  }
  if (kind == kAssignment) return CheckAssignment(rest);
  CheckSubscription(rest);
}

std::vector<std::string> Seeds() {
  using Places = std::make_index_sequence<std::variant_size_v<groups::Command>>;
  const std::string all = OneOfEach(Places());
  return {
      Seed(kCommands, all), Seed(kState, groups::ShardState().Encode().view()),
      Seed(kSubscription, Subscription()),
      Seed(kSubscription, groups::EncodeSubscription(
                              {.topics = {"orders"}, .user_data = "u", .owned = {{"orders", 1}}})),
      Seed(kAssignment, groups::EncodeAssignment({{"orders", 0}, {"t", 7}}))};
}

}  // namespace jangada::fuzz
