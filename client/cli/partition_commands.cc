// jangada partition list | move | transfer-leader
#include <algorithm>
#include <memory>
#include <utility>

#include "client/cli/context.h"
#include "client/cli/groups.h"
#include "client/cli/json.h"
#include "client/cli/partition_table.h"
#include "client/cli/stop_signal.h"
#include "client/cli/values.h"

namespace jangada::client {
namespace {

/// Between two looks at a change that takes its time.
constexpr int64_t kLookEveryUs = 250'000;

// ---- list ----

struct ListOptions {
  std::vector<std::string> topics;
  bool troubled = false;
};

Status ListPartitions(const Context& context, const ListOptions& options) {
  TRY_ASSIGN(const auto states,
             context.client.DescribePartitions(options.topics, context.timeout_ms));
  std::vector<PartitionReport> reports = Examine(states);
  if (options.troubled) {
    std::erase_if(reports, [](const auto& one) { return one.standing == Standing::kServing; });
  }
  if (context.output.json) return context.output.Print(json::Partitions(reports));
  return context.output.Print(PartitionTable(reports, true, context.output.color));
}

Command ListRow() {
  const auto options = std::make_shared<ListOptions>();
  return {.name = "list",
          .about = "Partitions with their leaders, replicas, ends and state",
          .more =
              "STATE: serving; moving (its replicas are being changed); short (a replica is "
              "not whole); read-only (its leader's disk is full); no-leader (neither written nor "
              "read). WHY says more.",
          .arguments = {{.names = "TOPIC",
                         .target = &options->topics,
                         .help = "Only these topics' (default: all)",
                         .completion = Completion::kTopics}},
          .options = {{.names = "--troubled",
                       .target = &options->troubled,
                       .help = "Only those that are not simply serving"}},
          .examples = {{"What needs a look", "jangada partition list --troubled"}},
          .json = R"({"partitions": [)" + std::string(kPartitionShape) + "]}",
          .also = {"ls", "describe", "show", "status"},
          .run = [options](const Context& context) { return ListPartitions(context, *options); }};
}

// ---- move ----

struct MoveOptions {
  TopicPartition where;
  std::vector<int32_t> replicas;
  bool wait = false;
};

bool HasArrived(const PartitionStateView& state, std::vector<int32_t> wanted) {
  std::vector<int32_t> voters = VotersOf(state);
  std::vector<int32_t> desired = state.desired_replicas;
  for (auto* nodes : {&voters, &desired, &wanted}) std::sort(nodes->begin(), nodes->end());
  return state.from_leader && !state.reassigning && voters == wanted && desired == wanted;
}

/// "2 of 3 replicas hold it; node 4 is 1,200 log entries behind"
std::string ProgressOf(const PartitionStateView& state, const std::vector<int32_t>& wanted) {
  if (!state.from_leader) return "its leader does not answer just now";
  const std::vector<int32_t> holders = CaughtUpIn(state);
  const auto arrived = std::count_if(wanted.begin(), wanted.end(), [&](int32_t node) {
    return std::find(holders.begin(), holders.end(), node) != holders.end();
  });
  std::string text =
      std::to_string(arrived) + " of " + std::to_string(wanted.size()) + " replicas hold it";
  for (const ReplicaStateView& replica : state.replicas) {
    const bool is_wanted = std::find(wanted.begin(), wanted.end(), replica.node) != wanted.end();
    if (!is_wanted || replica.caught_up) continue;
    text += "; node " + std::to_string(replica.node) +
            (replica.live ? " is " + Grouped(static_cast<int64_t>(replica.lag_entries)) +
                                " log entries behind"
                          : " is down");
  }
  return text;
}

/// Until it is done, for as long as --timeout says; without one, for as long as it takes.
Status FollowMove(const Context& context, const MoveOptions& options) {
  const StopSignal stop;
  Progress progress(context.output);
  const int64_t give_up_us =
      context.timeout_given ? NowUs() + context.timeout_ms * 1000 : INT64_MAX;
  for (;;) {
    const auto state = DescribePartition(context, options.where, context.timeout_ms);
    if (state.ok() && HasArrived(*state, options.replicas)) return {};
    const bool may_pass = state.ok() || state.error().code == ErrorCode::kUnavailable ||
                          state.error().code == ErrorCode::kTimeout;
    if (!may_pass) return state.error();
    const std::string now =
        state.ok() ? ProgressOf(*state, options.replicas) : state.error().message;
    if (progress.Due()) progress.Show("moving " + Shown(options.where) + ": " + now);
    if (NowUs() >= give_up_us) {
      return Error{ErrorCode::kTimeout,
                   "the move goes on, but is not done within --timeout: " + now};
    }
    if (!stop.WaitFor(kLookEveryUs)) {
      return Error{ErrorCode::kInternal, "not awaited any longer; the move goes on: " + now};
    }
  }
}

Status MovePartition(const Context& context, const MoveOptions& options) {
  TRY(context.client.MovePartition(options.where, options.replicas, context.timeout_ms));
  const std::string nodes = JoinNumbers(options.replicas);
  if (options.wait) {
    TRY(FollowMove(context, options));
    return Answer(context, json::Moved(options.where, options.replicas, true),
                  Shown(options.where) + " is on nodes " + nodes);
  }
  return Answer(context, json::Moved(options.where, options.replicas, false),
                Shown(options.where) + " moves to nodes " + nodes + "; `jangada partition list " +
                    options.where.topic + "` shows how far it is");
}

Option PartitionArgument(int32_t* partition) {
  return {.names = "PARTITION",
          .target = partition,
          .help = "The partition's number, from 0 on",
          .required = true,
          .at_least = 0};
}

Command MoveRow() {
  const auto options = std::make_shared<MoveOptions>();
  return {.name = "move",
          .about = "Move a partition to other nodes",
          .more =
              "The new replicas are filled first; the partition is written and read all the "
              "while. With --wait a --timeout bounds the wait; without one it lasts until the "
              "move is done.",
          .arguments = {TopicArgument(&options->where.topic),
                        PartitionArgument(&options->where.partition)},
          .options = {{.names = "--replicas",
                       .value = "NODE,...",
                       .target = &options->replicas,
                       .help = "The nodes that shall hold it, the preferred leader first",
                       .required = true,
                       .at_least = 1,
                       .comma_separated = true,
                       .completion = Completion::kNodes},
                      {.names = "--wait",
                       .target = &options->wait,
                       .help = "Follow the move until it is done"}},
          .examples = {{"To nodes 4, 2 and 3, and tell when it is done",
                        "jangada partition move events 0 --replicas 4,2,3 --wait"}},
          .json = R"({"topic": "string", "partition": "integer", "replicas": ["integer"],
 "done": "boolean"})",
          .also = {"reassign", "mv", "relocate"},
          .run = [options](const Context& context) { return MovePartition(context, *options); }};
}

// ---- transfer-leader ----

struct TransferOptions {
  TopicPartition where;
  int32_t node = 0;
};

/// The leader takes a moment to hand over: until the new one says that it leads.
Status TransferLeader(const Context& context, const TransferOptions& options) {
  const int64_t give_up_us = NowUs() + context.timeout_ms * 1000;
  TRY(context.client.TransferLeadership(options.where, options.node, context.timeout_ms));
  const StopSignal stop;
  for (;;) {
    const int64_t left_ms = std::max<int64_t>(1, (give_up_us - NowUs()) / 1000);
    TRY_ASSIGN(const PartitionStateView state, DescribePartition(context, options.where, left_ms));
    if (state.from_leader && state.leader == options.node) break;
    const std::string present =
        state.from_leader ? "node " + std::to_string(state.leader) + " leads" : "nobody leads";
    if (NowUs() >= give_up_us) {
      return Error{ErrorCode::kTimeout, "asked for, but " + present + " " + Shown(options.where) +
                                            " as yet; look again with `jangada partition list " +
                                            options.where.topic + "`"};
    }
    if (!stop.WaitFor(kLookEveryUs / 10)) {
      return Error{ErrorCode::kInternal, "not awaited any longer: " + present};
    }
  }
  return Answer(context, json::Transferred(options.where, options.node),
                "node " + std::to_string(options.node) + " leads " + Shown(options.where));
}

Command TransferRow() {
  const auto options = std::make_shared<TransferOptions>();
  return {.name = "transfer-leader",
          .about = "Let another replica lead a partition; returns once it does",
          .arguments = {TopicArgument(&options->where.topic),
                        PartitionArgument(&options->where.partition),
                        {.names = "NODE",
                         .target = &options->node,
                         .help = "The node that shall lead; it must hold a replica",
                         .required = true,
                         .at_least = 1,
                         .completion = Completion::kNodes}},
          .examples = {{"Node 2 shall lead partition 0",
                        "jangada partition transfer-leader events 0 2"}},
          .json = R"({"topic": "string", "partition": "integer", "leader": "integer"})",
          .also = {"transfer", "elect", "lead", "transfer-leadership"},
          .run = [options](const Context& context) { return TransferLeader(context, *options); }};
}

}  // namespace

Command PartitionCommands() {
  return {.name = "partition",
          .about = "List partitions, move them between nodes, choose who leads",
          .examples = {{"All of a topic's", "jangada partition list events"}},
          .also = {"partitions"},
          .commands = {ListRow(), MoveRow(), TransferRow()}};
}

}  // namespace jangada::client
