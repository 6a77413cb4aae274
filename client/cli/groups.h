// The rows of the table of commands, a function for each part of it. main.cc puts them together.
#pragma once

#include <vector>

#include "client/cli/command.h"

namespace jangada::client {

Command TopicCommands();
Command ProduceRow();
Command ConsumeRow();
Command OffsetsRow();
Command ClusterCommands();
Command PartitionCommands();
Command GroupCommands();
Command NodeCommands();
Command LogLevelRow();
Command WaitRow();
Command BenchCommands();
Command ProfileCommands();

/// An argument that names a topic; shells complete it, and "did you mean" knows it.
Option TopicArgument(std::string* topic);

}  // namespace jangada::client
