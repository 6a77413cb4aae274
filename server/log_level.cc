#include "server/log_level.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace jangada::server {
namespace {

/// Index = place in kLogLevels; spdlog's own names differ ("warning").
constexpr std::array kSpdlogLevels = {spdlog::level::trace, spdlog::level::debug,
                                      spdlog::level::info, spdlog::level::warn, spdlog::level::err};
static_assert(kSpdlogLevels.size() == kLogLevels.size());

}  // namespace

std::string LogLevel() {
  const auto found = std::find(kSpdlogLevels.begin(), kSpdlogLevels.end(), spdlog::get_level());
  return found == kSpdlogLevels.end() ? "off" : kLogLevels[found - kSpdlogLevels.begin()];
}

Status SetLogLevel(const std::string& name) {
  const auto found = std::find(kLogLevels.begin(), kLogLevels.end(), name);
  if (found == kLogLevels.end()) {
    std::string known;
    for (const char* level : kLogLevels) known += (known.empty() ? "" : ", ") + std::string(level);
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + name + "\" is no log level: it must be one of " + known + "."};
  }
  const spdlog::level::level_enum level = kSpdlogLevels[found - kLogLevels.begin()];
  spdlog::set_level(level);
  // Lines of a level that somebody has asked for are wanted now, not when a buffer is full.
  spdlog::flush_on(std::min(level, spdlog::level::info));
  return {};
}

Status ChangeLogLevel(const std::string& name) {
  const spdlog::level::level_enum before = spdlog::get_level();
  TRY(SetLogLevel(name));
  const spdlog::level::level_enum after = spdlog::get_level();
  if (after == before) return {};
  // Said at the more talkative of the two levels, so that a log which falls silent says why.
  spdlog::set_level(std::min(before, after));
  spdlog::log(std::max(std::min(before, after), spdlog::level::info), "log level changed to={}",
              name);
  spdlog::set_level(after);
  return {};
}

}  // namespace jangada::server
