// jangada: the command line. Reads its arguments, runs one command, and ends with an exit code that
// scripts can rely on: 0 done, 1 other failures, 2 wrong usage, 3 not found, 4 unavailable or out
// of time, 5 refused.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"

namespace jangada::client {
namespace {

using Command = std::function<Status(const Context&)>;

/// What the arguments ask for. Subcommands fill in their part and choose `command`.
struct Arguments {
  std::vector<std::string> bootstrap = {"127.0.0.1:7092"};
  double timeout_s = 10;
  CreateTopicOptions create;
  ProduceOptions produce;
  ConsumeOptions consume;
  PartitionOptions partition;
  std::string topic;
  int32_t node = 0;
  Command command;
};

CLI::App* AddCommand(CLI::App* parent, Arguments* arguments, const std::string& name,
                     const std::string& help, Command command) {
  CLI::App* added = parent->add_subcommand(name, help);
  added->fallthrough();  // --timeout may stand after the command
  added->callback([arguments, command = std::move(command)] { arguments->command = command; });
  return added;
}

CLI::App* AddGroup(CLI::App* parent, const std::string& name, const std::string& help) {
  CLI::App* group = parent->add_subcommand(name, help);
  group->require_subcommand(1);
  group->fallthrough();
  return group;
}

void AddTopicCommands(CLI::App* app, Arguments* arguments) {
  CLI::App* topic = AddGroup(app, "topic", "Create, list, describe or delete topics");
  CreateTopicOptions& create = arguments->create;
  CLI::App* added = AddCommand(topic, arguments, "create", "Make a topic; returns once it serves",
                               [arguments](const Context& context) {
                                 return CreateTopicCommand(context, arguments->create);
                               });
  added->add_option("NAME", create.name, "Letters, digits, '.', '_' and '-'")->required();
  added->add_option("--partitions", create.partitions, "How many partitions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  added
      ->add_option(
          "--replicas", create.replicas,
          "Copies of each partition, each on a node of its own (default: 3, or the number of nodes "
          "where there are fewer)")
      ->check(CLI::PositiveNumber);
  added->add_option("--config", create.configs, "A setting, key=value; may be repeated")
      ->allow_extra_args(false);
  AddCommand(topic, arguments, "list", "All topics",
             [](const Context& context) { return ListTopicsCommand(context); });
  AddCommand(topic, arguments, "describe", "A topic, its settings and its partitions",
             [arguments](const Context& context) {
               return DescribeTopicCommand(context, arguments->topic);
             })
      ->add_option("NAME", arguments->topic)
      ->required();
  AddCommand(
      topic, arguments, "delete", "Delete a topic with all its records, for good",
      [arguments](const Context& context) { return DeleteTopicCommand(context, arguments->topic); })
      ->add_option("NAME", arguments->topic)
      ->required();
}

void AddProduce(CLI::App* app, Arguments* arguments) {
  ProduceOptions& options = arguments->produce;
  CLI::App* added = AddCommand(
      app, arguments, "produce",
      "Append records, one a line; exits 0 only if all were acknowledged",
      [arguments](const Context& context) { return ProduceCommand(context, arguments->produce); });
  added->add_option("NAME", options.topic, "The topic")->required();
  added->add_option("FILE", options.file, "Where the lines come from (default: stdin)");
  CLI::Option* separator = added->add_option(
      "--key-separator", options.key_separator,
      "What stands before the first S of a line is its key, what follows is the value");
  separator->type_name("S");
  added
      ->add_option(
          "--key-field", options.key_field,
          "The Nth word of a line (from 1, separated by blanks) is its key; the value is the whole "
          "line")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->excludes(separator);
  added->add_option("--rate", options.rate, "Records per second (default: as fast as they go)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  added->add_flag(
      "--print-offsets", options.print_offsets,
      "Print 'PARTITION OFFSET LINE_NUMBER' as each record is acknowledged; lines count from 1");
  added->add_option("--compression", options.compression, "none, gzip, lz4 or zstd")
      ->capture_default_str();
}

void AddConsume(CLI::App* app, Arguments* arguments) {
  ConsumeOptions& options = arguments->consume;
  CLI::App* added = AddCommand(
      app, arguments, "consume",
      "Print records; stops at the end that the topic had at the start, unless told otherwise",
      [arguments](const Context& context) { return ConsumeCommand(context, arguments->consume); });
  added->add_option("NAME", options.topic, "The topic")->required();
  added
      ->add_option("--from", options.from,
                   "beginning, end, an offset, @milliseconds since 1970, or a time such as "
                   "2026-11-22T04:00:00Z")
      ->capture_default_str();
  added->add_option("--partition", options.partitions, "Only this partition; may be repeated")
      ->allow_extra_args(false);
  added
      ->add_option(
          "--count", options.count,
          "Stop after N records; waits for them, and fails if they do not come within --timeout")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  added->add_flag("--follow", options.follow, "Go on with new records until interrupted");
  added
      ->add_option("--format", options.format,
                   "%k key, %v value, %o offset, %p partition, %t timestamp in ms, %h headers, %% "
                   "percent; \\n "
                   "\\t \\r \\0 \\\\")
      ->capture_default_str();
}

void AddClusterCommands(CLI::App* app, Arguments* arguments) {
  CLI::App* cluster = AddGroup(app, "cluster", "Look at the cluster");
  AddCommand(cluster, arguments, "status", "Controller, nodes and partitions in short",
             [](const Context& context) { return ClusterStatusCommand(context); });
  AddCommand(cluster, arguments, "nodes", "All nodes with their addresses",
             [](const Context& context) { return ClusterNodesCommand(context); });
  AddCommand(cluster, arguments, "leaders", "Who leads which partition",
             [](const Context& context) { return ClusterLeadersCommand(context); });

  CLI::App* node = AddGroup(app, "node", "Admit or remove nodes");
  AddCommand(
      node, arguments, "add", "Admit a node: a new one, or one whose disk was lost",
      [arguments](const Context& context) { return AddNodeCommand(context, arguments->node); })
      ->add_option("ID", arguments->node)
      ->required()
      ->check(CLI::PositiveNumber);
  AddCommand(
      node, arguments, "remove", "Take a node out of the cluster for good",
      [arguments](const Context& context) { return RemoveNodeCommand(context, arguments->node); })
      ->add_option("ID", arguments->node)
      ->required()
      ->check(CLI::PositiveNumber);
}

void AddPartitionCommands(CLI::App* app, Arguments* arguments) {
  CLI::App* partition = AddGroup(app, "partition", "Move partitions between nodes");
  PartitionOptions& options = arguments->partition;
  CLI::App* move = AddCommand(partition, arguments, "move", "Move a partition to other nodes",
                              [arguments](const Context& context) {
                                return MovePartitionCommand(context, arguments->partition);
                              });
  move->add_option("TOPIC", options.topic)->required();
  move->add_option("PARTITION", options.partition)->required()->check(CLI::NonNegativeNumber);
  move->add_option("--replicas", options.replicas, "Node ids, the preferred leader first: 1,2,3")
      ->required()
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  CLI::App* transfer =
      AddCommand(partition, arguments, "transfer-leader", "Let another replica lead a partition",
                 [arguments](const Context& context) {
                   return TransferLeaderCommand(context, arguments->partition);
                 });
  transfer->add_option("TOPIC", options.topic)->required();
  transfer->add_option("PARTITION", options.partition)->required()->check(CLI::NonNegativeNumber);
  transfer->add_option("NODE", options.node)->required()->check(CLI::PositiveNumber);
}

int Fail(const Error& error) {
  std::cerr << "jangada: " << error.message << "\n";
  return ExitCodeOf(error.code);
}

int Run(const Arguments& arguments) {
  auto client = Client::Make({.bootstrap = arguments.bootstrap});
  if (!client.ok()) return Fail(client.error());
  const Context context{.client = **client,
                        .timeout_ms = static_cast<int64_t>(arguments.timeout_s * 1000)};
  const Status status = arguments.command(context);
  return status.ok() ? kExitDone : Fail(status.error());
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("The command line of Jangada, a replicated, partitioned log", "jangada");
  app.footer(
      "Exit codes: 0 done, 1 other failures, 2 wrong usage, 3 not found, 4 unavailable or out of "
      "time, 5 refused.");
  app.require_subcommand(1);
  app.add_option("-b,--bootstrap", arguments.bootstrap, "Nodes to ask: HOST:PORT[,HOST:PORT...]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--timeout", arguments.timeout_s, "Seconds after which a command gives up")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddTopicCommands(&app, &arguments);
  AddProduce(&app, &arguments);
  AddConsume(&app, &arguments);
  AddClusterCommands(&app, &arguments);
  AddPartitionCommands(&app, &arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  return Run(arguments);
}

}  // namespace
}  // namespace jangada::client

int main(int argc, char** argv) { return jangada::client::Main(argc, argv); }
