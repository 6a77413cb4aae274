// Profiles: which nodes to ask, under names, in a file that a person writes. And the choice between
// the command line, the environment and the file. Pure, but for ReadProfiles.
//
//   default: local            # the profile in use where none is named
//   profiles:
//     local:
//       bootstrap: [127.0.0.1:7092, 127.0.0.1:7093]
//     production:
//       bootstrap: [log1.example.com:7092, log2.example.com:7092]
//       timeout: 30s          # in place of 10s; --timeout still comes first
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace jangada::client {

struct Profile {
  std::vector<std::string> bootstrap;
  std::optional<int64_t> timeout_ms;
};

struct Profiles {
  std::string path;  // of the file
  bool exists = false;
  std::string default_name;  // empty: none
  std::map<std::string, Profile> by_name;
};

/// kInvalidArgument with the file's name and line: what is wrong there.
Result<Profiles> ParseProfiles(const std::string& text, const std::string& path);
/// A file that is not there holds no profiles. Also kIoError.
Result<Profiles> ReadProfiles(const std::string& path);

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// $JANGADA_PROFILES, or jangada/profile.yaml below $XDG_CONFIG_HOME or ~/.config.
std::string ProfilesPath(const Environment& environment);

/// What was said about where the cluster is.
struct Choice {
  std::vector<std::string> bootstrap;  // -b
  std::string profile;                 // --profile
};

/// Where the cluster is.
struct Connection {
  std::vector<std::string> bootstrap;
  std::optional<int64_t> timeout_ms;  // of the profile
  std::string profile;                // its name; empty: none was used
  std::string because;                // "-b", "$JANGADA_BOOTSTRAP", "the default profile", ...
};

/// The first of these that is given: -b, --profile, $JANGADA_BOOTSTRAP, $JANGADA_PROFILE, the
/// file's default profile, 127.0.0.1:7092. The file is read only if it matters.
/// kNotFound: no such profile. The file's own errors.
Result<Connection> ChooseConnection(const Choice& choice, const Environment& environment);

}  // namespace jangada::client
