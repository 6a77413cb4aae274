#include "client/cli/producing.h"

#include "client/cli/output.h"
#include "client/cli/values.h"

namespace jangada::client {

std::vector<std::string> CompressionNames() { return {"none", "gzip", "lz4", "zstd"}; }

Result<Compression> CompressionByName(const std::string& name) {
  if (name == "none") return Compression::kNone;
  if (name == "gzip") return Compression::kGzip;
  if (name == "lz4") return Compression::kLz4;
  if (name == "zstd") return Compression::kZstd;
  return Error{ErrorCode::kInvalidArgument,
               "'" + name + "' is no compression; use one of " + Joined(CompressionNames(), ", ")};
}

std::vector<RecordHeader> HeadersOf(const std::map<std::string, std::string>& headers) {
  std::vector<RecordHeader> all;
  for (const auto& [name, value] : headers) all.push_back({name, value});
  return all;
}

int64_t Pace::UntilNextUs() {
  if (per_second_ <= 0) return 0;
  const int64_t now_us = NowUs();
  if (count_ == 0) started_us_ = now_us;
  const auto due_us =
      started_us_ + static_cast<int64_t>(1e6 * static_cast<double>(count_++) / per_second_);
  return due_us - now_us;
}

}  // namespace jangada::client
