// jangada: the command line. Its table of commands, a line for each part of it; each part is in the
// file of its name (topic_commands.cc, ...). The exit code says how it went (exit_code.h).
#include "client/cli/command_line.h"
#include "client/cli/groups.h"

int main(int argc, char** argv) {
  using jangada::client::Command;
  Command jangada{
      .name = "jangada",
      .about = "The command line of Jangada, a replicated, partitioned log",
      .examples = {{"A topic, records into it, and out of it again",
                    "jangada topic create events --partitions 6"},
                   {"", "echo 'hello, raft' | jangada produce events"},
                   {"", "jangada consume events"},
                   {"Is all well?", "jangada cluster status"},
                   {"All about a command", "jangada topic create --help"}},
      .commands = {jangada::client::TopicCommands(), jangada::client::ProduceRow(),
                   jangada::client::ConsumeRow(), jangada::client::OffsetsRow(),
                   jangada::client::ClusterCommands(), jangada::client::PartitionCommands(),
                   jangada::client::GroupCommands(), jangada::client::NodeCommands(),
                   jangada::client::LogLevelRow(), jangada::client::WaitRow(),
                   jangada::client::BenchCommands(), jangada::client::ProfileCommands()}};
  return jangada::client::RunCommandLine(std::move(jangada), {argv + 1, argv + argc});
}
