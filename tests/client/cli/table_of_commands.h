// The real table of commands, for tests that go through all of it.
#pragma once

#include <functional>
#include <string>

#include "client/cli/groups.h"

namespace jangada::client {

inline Command WholeTable() {
  return {.name = "jangada",
          .about = "",
          .commands = {TopicCommands(), ProduceRow(), ConsumeRow(), OffsetsRow(), ClusterCommands(),
                       PartitionCommands(), GroupCommands(), NodeCommands(), LogLevelRow(),
                       WaitRow(), BenchCommands(), ProfileCommands()}};
}

/// Every command and group below `group`, with its path.
inline void ForEach(const Command& group, const std::string& path,
                    const std::function<void(const Command&, const std::string& path)>& visit) {
  for (const Command& command : group.commands) {
    const std::string own = path.empty() ? command.name : path + " " + command.name;
    visit(command, own);
    ForEach(command, own, visit);
  }
}

}  // namespace jangada::client
