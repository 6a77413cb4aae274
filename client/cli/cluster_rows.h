// What the commands about the cluster and its nodes share. Pure.
#pragma once

#include <string>

#include "client/cli/command.h"
#include "client/cli/table.h"
#include "jangada/client.h"

namespace jangada::client {

Command StatusRow();

/// "live", "DEAD" or, for a node that was added and did not start yet, "never-seen".
Table::Cell StateOf(const NodeView& node);
/// Of its disk: "12.3 GiB". Empty: not known.
std::string FreeOf(const NodeView& node);

}  // namespace jangada::client
