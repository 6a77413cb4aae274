#include "client/cli/profile.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "client/cli/suggest.h"
#include "client/cli/values.h"
#include "client/waits.h"

namespace jangada::client {
namespace {

constexpr const char* kDefaultNode = "127.0.0.1:7092";

/// A sentence about one place of the file.
Error Wrong(const std::string& path, const YAML::Node& node, const std::string& what) {
  return {ErrorCode::kInvalidArgument,
          path + ", line " + std::to_string(node.Mark().line + 1) + ": " + what};
}

Result<std::vector<std::string>> ParseBootstrap(const std::string& path, const YAML::Node& node) {
  std::vector<std::string> addresses;
  if (node.IsScalar()) {
    addresses = SplitAt(node.Scalar(), ',');
  } else if (node.IsSequence()) {
    for (const YAML::Node& address : node) {
      if (!address.IsScalar()) return Wrong(path, address, "an address is HOST:PORT");
      addresses.push_back(address.Scalar());
    }
  }
  if (addresses.empty()) {
    return Wrong(path, node, "'bootstrap' is a list of addresses: [HOST:PORT, HOST:PORT]");
  }
  return addresses;
}

Result<Profile> ParseProfile(const std::string& path, const std::string& name,
                             const YAML::Node& node) {
  if (!node.IsMap()) {
    return Wrong(path, node, "profile '" + name + "' must hold 'bootstrap: [HOST:PORT, ...]'");
  }
  Profile profile;
  for (const auto& entry : node) {
    const std::string key = entry.first.Scalar();
    if (key == "bootstrap") {
      TRY_ASSIGN(profile.bootstrap, ParseBootstrap(path, entry.second));
    } else if (key == "timeout") {
      const auto ms = entry.second.IsScalar() ? ParseDuration(entry.second.Scalar()) : std::nullopt;
      if (!ms || *ms == 0 || *ms > kLongestWaitMs)
        return Wrong(path, entry.second, "'timeout' is a length such as 30s");
      profile.timeout_ms = *ms;
    } else {
      return Wrong(path, entry.first,
                   "'" + key + "' is no setting of a profile" +
                       DidYouMean(key, {"bootstrap", "timeout"}, "; use bootstrap or timeout"));
    }
  }
  if (profile.bootstrap.empty()) {
    return Wrong(path, node, "profile '" + name + "' lacks 'bootstrap: [HOST:PORT, ...]'");
  }
  return profile;
}

Status ParseEntry(const std::string& key, const YAML::Node& key_node, const YAML::Node& value,
                  Profiles* profiles) {
  if (key == "default") {
    if (!value.IsScalar()) return Wrong(profiles->path, value, "'default' is a profile's name");
    profiles->default_name = value.Scalar();
    return {};
  }
  if (key != "profiles") {
    return Wrong(profiles->path, key_node,
                 "'" + key + "' means nothing here" +
                     DidYouMean(key, {"profiles", "default"}, "; use profiles or default"));
  }
  if (!value.IsMap()) return Wrong(profiles->path, value, "'profiles' holds profiles by name");
  for (const auto& entry : value) {
    const std::string name = entry.first.Scalar();
    TRY_ASSIGN(profiles->by_name[name], ParseProfile(profiles->path, name, entry.second));
  }
  return {};
}

std::vector<std::string> NamesIn(const Profiles& profiles) {
  std::vector<std::string> names;
  for (const auto& [name, profile] : profiles.by_name) names.push_back(name);
  return names;
}

Result<Connection> UseProfile(const std::string& name, std::string because,
                              const Environment& environment) {
  TRY_ASSIGN(const Profiles profiles, ReadProfiles(ProfilesPath(environment)));
  const auto found = profiles.by_name.find(name);
  if (found == profiles.by_name.end()) {
    const std::string where = profiles.exists ? " in " + profiles.path
                                              : ": there is no file " + profiles.path +
                                                    "; `jangada profile list --help` shows one";
    return Error{ErrorCode::kNotFound, "there is no profile '" + name + "'" + where +
                                           DidYouMean(name, NamesIn(profiles), "")};
  }
  return Connection{.bootstrap = found->second.bootstrap,
                    .timeout_ms = found->second.timeout_ms,
                    .profile = name,
                    .because = std::move(because)};
}

}  // namespace

Result<Profiles> ParseProfiles(const std::string& text, const std::string& path) {
  Profiles profiles{.path = path, .exists = true, .default_name = {}, .by_name = {}};
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return profiles;
    if (!root.IsMap()) return Wrong(path, root, "must hold 'profiles:' and, if wanted, 'default:'");
    for (const auto& entry : root) {
      TRY(ParseEntry(entry.first.Scalar(), entry.first, entry.second, &profiles));
    }
    if (!profiles.default_name.empty() && !profiles.by_name.contains(profiles.default_name)) {
      return Wrong(path, root["default"],
                   "there is no profile '" + profiles.default_name + "'" +
                       DidYouMean(profiles.default_name, NamesIn(profiles), ""));
    }
  } catch (const YAML::Exception& error) {
    return Error{
        ErrorCode::kInvalidArgument,
        path + ", line " + std::to_string(error.mark.line + 1) + ": this is no YAML: " + error.msg};
  }
  return profiles;
}

Result<Profiles> ReadProfiles(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr && (errno == ENOENT || errno == ENOTDIR)) {
    return Profiles{.path = path, .exists = false, .default_name = {}, .by_name = {}};
  }
  std::string text;
  std::array<char, 4096> chunk;
  size_t got = 0;
  while (file != nullptr && (got = std::fread(chunk.data(), 1, chunk.size(), file)) > 0) {
    text.append(chunk.data(), got);
  }
  const bool good = file != nullptr && std::ferror(file) == 0;
  const int error = errno;  // before fclose
  if (file != nullptr) std::fclose(file);
  if (!good) return Error{ErrorCode::kIoError, path + " can't be read: " + std::strerror(error)};
  return ParseProfiles(text, path);
}

std::string ProfilesPath(const Environment& environment) {
  const auto named = environment("JANGADA_PROFILES");
  if (named && !named->empty()) return *named;
  const auto config = environment("XDG_CONFIG_HOME");
  const std::string folder =
      config && !config->empty() ? *config : environment("HOME").value_or("") + "/.config";
  return folder + "/jangada/profile.yaml";
}

Result<Connection> ChooseConnection(const Choice& choice, const Environment& environment) {
  if (!choice.bootstrap.empty()) {
    return Connection{
        .bootstrap = choice.bootstrap, .timeout_ms = std::nullopt, .profile = {}, .because = "-b"};
  }
  if (!choice.profile.empty()) return UseProfile(choice.profile, "--profile", environment);
  const auto nodes = environment("JANGADA_BOOTSTRAP");
  if (nodes && !nodes->empty()) {
    return Connection{.bootstrap = SplitAt(*nodes, ','),
                      .timeout_ms = std::nullopt,
                      .profile = {},
                      .because = "$JANGADA_BOOTSTRAP"};
  }
  const auto name = environment("JANGADA_PROFILE");
  if (name && !name->empty()) return UseProfile(*name, "$JANGADA_PROFILE", environment);
  TRY_ASSIGN(const Profiles profiles, ReadProfiles(ProfilesPath(environment)));
  if (!profiles.default_name.empty()) {
    return UseProfile(profiles.default_name, "the default of " + profiles.path, environment);
  }
  return Connection{.bootstrap = {kDefaultNode},
                    .timeout_ms = std::nullopt,
                    .profile = {},
                    .because = "the usual one"};
}

}  // namespace jangada::client
