// jangada profile list | show
#include <cstdlib>
#include <utility>

#include "client/cli/context.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

constexpr const char* kAboutTheFile =
    "The file is ~/.config/jangada/profile.yaml ($XDG_CONFIG_HOME and $JANGADA_PROFILES move it): "
    "'profiles:' holds names, each with 'bootstrap: [HOST:PORT, ...]' and, if wanted, 'timeout: "
    "30s'; 'default: NAME' chooses one of them.";

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Status ListProfiles(const Context& context) {
  TRY_ASSIGN(const Profiles profiles, ReadProfiles(ProfilesPath(FromEnvironment)));
  if (context.output.json) return context.output.Print(json::ProfileList(profiles));
  Table table({"PROFILE", "DEFAULT", "BOOTSTRAP", "TIMEOUT"});
  for (const auto& [name, profile] : profiles.by_name) {
    table.Add({name, name == profiles.default_name ? "yes" : "", Joined(profile.bootstrap, ","),
               profile.timeout_ms ? DurationText(*profile.timeout_ms) : ""});
  }
  if (profiles.by_name.empty()) {
    return context.output.Print("no profiles: " + profiles.path +
                                (profiles.exists ? " holds none" : " is not there") + "\n");
  }
  return context.output.Print(table.ToString(context.output.color));
}

Status ShowProfile(const Context& context) {
  const Connection& connection = context.connection;
  if (context.output.json) {
    return context.output.Print(json::ProfileInUse(connection, context.timeout_ms));
  }
  return context.output.Print("bootstrap  " + Joined(connection.bootstrap, ",") + "\ntimeout    " +
                              DurationText(context.timeout_ms) + "\nprofile    " +
                              (connection.profile.empty() ? "none" : connection.profile) +
                              "\nbecause    " + connection.because + "\n");
}

}  // namespace

Command ProfileCommands() {
  return {.name = "profile",
          .about = "Which clusters have a name, and which one is asked",
          .more = kAboutTheFile,
          .examples = {{"Ask another cluster", "jangada --profile production cluster status"}},
          .also = {"context", "profiles", "config"},
          .commands = {{.name = "list",
                        .about = "The profiles in the file",
                        .more = kAboutTheFile,
                        .examples = {{"All of them", "jangada profile list"}},
                        .json = R"({"file": "string", "profiles": [
  {"profile": "string", "default": "boolean", "bootstrap": ["string"],
   "timeout_ms": "integer|null"}]})",
                        .also = {"ls"},
                        .local = true,
                        .run = ListProfiles},
                       {.name = "show",
                        .about = "Which nodes would be asked, and why these",
                        .examples = {{"Where does it point?", "jangada profile show"}},
                        .json = R"({"bootstrap": ["string"], "timeout_ms": "integer",
 "profile": "string|null", "because": "string"})",
                        .also = {"current", "which", "print"},
                        .run = ShowProfile}}};
}

}  // namespace jangada::client
