#include "server/groups/records.h"

#include <algorithm>
#include <cctype>

#include "server/controller/fields.h"

namespace jangada::server::groups {
namespace {

constexpr uint8_t kCommandVersion = 1;
constexpr size_t kMaxIdInLog = 128;

template <size_t kKind = 0>
Result<Command> DecodeBody(size_t kind, std::string_view bytes) {
  if constexpr (kKind == std::variant_size_v<Command>) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "the log of a shard of consumer groups has a command that this program does not "
                 "know; run the version that wrote it"};
  } else {
    if (kind != kKind) return DecodeBody<kKind + 1>(kind, bytes);
    std::variant_alternative_t<kKind, Command> body;
    fields::Reader reader(bytes);
    reader(body);
    if (reader.AtEnd()) return Command(std::move(body));
    return Error{ErrorCode::kDataCorrupt,
                 "the log of a shard of consumer groups has a command that can't be read"};
  }
}

}  // namespace

size_t BytesOf(const MemberRecord& member) {
  size_t bytes = sizeof member + member.member_id.size() + member.instance_id.value_or("").size() +
                 member.client_id.size() + member.client_host.size() + member.assignment.size();
  for (const GroupProtocol& protocol : member.protocols) {
    bytes += sizeof protocol + protocol.name.size() + protocol.metadata.size();
  }
  return bytes;
}

std::string ForLog(const std::string& group) {
  std::string shown = group.substr(0, kMaxIdInLog);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return std::iscntrl(c) != 0 || c == '"'; },
      '?');
  return shown;
}

Bytes EncodeCommand(const Command& command) {
  fields::Writer writer;
  writer(kCommandVersion);
  writer(command.index());
  std::visit([&writer](const auto& body) { writer(body); }, command);
  return Bytes(std::move(writer.out));
}

Result<Command> DecodeCommand(std::string_view bytes) {
  ByteReader in(bytes);
  const int64_t version = in.Varint();
  if (in.ok() && version != kCommandVersion) {
    return Error{ErrorCode::kUnsupportedVersion,
                 "the log of a shard of consumer groups has a command of version " +
                     std::to_string(version) +
                     ", which this program does not know; run the version that wrote it"};
  }
  const int64_t kind = in.Varint();
  if (!in.ok()) {
    return Error{ErrorCode::kDataCorrupt,
                 "the log of a shard of consumer groups has a command that can't be read"};
  }
  return DecodeBody(static_cast<size_t>(kind), bytes.substr(bytes.size() - in.remaining()));
}

}  // namespace jangada::server::groups
