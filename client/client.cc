#include "jangada/client.h"

#include <algorithm>
#include <charconv>
#include <future>
#include <optional>
#include <utility>

#include "client/any_node.h"
#include "client/core.h"
#include "client/waits.h"

namespace jangada::client {
namespace {

bool IsHostPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const char* from = address.data() + colon + 1;
  const char* end = address.data() + address.size();
  uint16_t port = 0;
  const auto [stopped, error] = std::from_chars(from, end, port);
  return error == std::errc() && stopped == end && port > 0;
}

Error NoAddress(const std::string& address) {
  return {ErrorCode::kInvalidArgument,
          "'" + address + "' is no address of a node; give host:port, such as 127.0.0.1:7092"};
}

/// What making a thing answers when an earlier try of it, of unknown fate, was carried out.
bool IsThere(ErrorCode code) { return code == ErrorCode::kAlreadyExists; }

/// The same of taking a thing away.
bool IsGone(ErrorCode code) {
  return code == ErrorCode::kUnknownTopic || code == ErrorCode::kNotFound;
}

struct CallLimits {
  int64_t timeout_ms = 0;
  int64_t try_timeout_ms = 0;  // at most
};

/// What came of a call: nothing when the client closed meanwhile.
template <class T>
struct Outcome {
  std::optional<Reply<T>> reply;
  bool maybe_done = false;
};

/// Asks, and blocks until the answer.
template <class T>
Outcome<T> AskAndWait(Core& core, CallLimits limits, typename AnyNodeCall<T>::Try attempt) {
  const auto answer = std::make_shared<std::promise<Outcome<T>>>();
  std::future<Outcome<T>> future = answer->get_future();
  const bool started = core.loop.RunAndWait([&core, limits, &attempt, answer] {
    auto finish = [answer](Reply<T> reply, bool maybe_done) {
      answer->set_value({std::move(reply), maybe_done});
    };
    std::make_shared<AnyNodeCall<T>>(
        core,
        typename AnyNodeCall<T>::Limits{core.loop.NowUs() + BoundedMs(limits.timeout_ms) * 1000,
                                        std::max<int64_t>(1, BoundedMs(limits.try_timeout_ms))},
        std::move(attempt), std::move(finish))
        ->Start();
  });
  if (!started) return {};
  return future.get();  // every try has a deadline, so an answer comes
}

Error Closed() { return {ErrorCode::kShuttingDown, "the client is closed"}; }

template <class T>
Result<T> Ask(Core& core, CallLimits limits, typename AnyNodeCall<T>::Try attempt) {
  Outcome<T> outcome = AskAndWait<T>(core, limits, std::move(attempt));
  if (!outcome.reply.has_value()) return Closed();
  if (!outcome.reply->ok()) return outcome.reply->failure().error;
  return std::move(outcome.reply->value());
}

/// For what a node may take long over, such as a change that waits for a leader: half of the time,
/// so that another node gets its turn when the first one hangs.
CallLimits LongTries(int64_t timeout_ms) {
  return {timeout_ms, std::max<int64_t>(1, timeout_ms / 2)};
}

/// `says_done`: which errors of a repeated try mean that the one before was carried out; none for
/// what may simply be done twice.
Status Change(Core& core, int64_t timeout_ms, AnyNodeCall<Nothing>::Try attempt,
              bool (*says_done)(ErrorCode) = nullptr) {
  // A change may take long (a leader is elected, a majority syncs), so that a try gets all the time
  // there is.
  const auto outcome = AskAndWait<Nothing>(core, {timeout_ms, timeout_ms}, std::move(attempt));
  if (!outcome.reply.has_value()) return Closed();
  if (outcome.reply->ok()) return {};
  const Error& error = outcome.reply->failure().error;
  if (outcome.maybe_done && says_done != nullptr && says_done(error.code)) return {};
  return error;
}

/// Asks one node, once, and blocks until the answer.
template <class T, class Call>
Result<T> AskOnce(Core& core, const std::string& address, int64_t timeout_ms, Call call) {
  const auto answer = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = answer->get_future();
  const bool started = core.loop.RunAndWait([&] {
    call(address, BoundedMs(timeout_ms), [answer](Reply<T> reply) {
      answer->set_value(reply.ok() ? Result<T>(std::move(reply.value()))
                                   : Result<T>(reply.failure().error));
    });
  });
  if (!started) return Closed();
  return future.get();
}

}  // namespace

Client::Client(ClientOptions options) : core_(std::make_unique<Core>(std::move(options))) {}

Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Make(ClientOptions options) {
  if (options.bootstrap.empty()) {
    return Error{ErrorCode::kInvalidArgument, "no node is named; give one as host:port"};
  }
  for (const std::string& address : options.bootstrap) {
    if (!IsHostPort(address)) return NoAddress(address);
  }
  TRY(Check(options));
  return std::unique_ptr<Client>(new Client(std::move(options)));
}

Result<std::vector<OffsetAnswer>> Client::ListOffsets(std::vector<OffsetQuery> queries,
                                                      int64_t timeout_ms) {
  // One partition without a leader fails the whole question, which is then asked again.
  using Offsets = std::vector<OffsetAnswer>;
  const auto attempt = [this, queries = std::move(queries)](const std::string& node, int64_t try_ms,
                                                            Done<Offsets> done) {
    core_->wire->ListOffsets(node, queries, try_ms,
                             [done = std::move(done), expected = queries.size()](
                                 Reply<std::vector<Reply<OffsetAnswer>>> reply) mutable {
                               if (!reply.ok()) return done(reply.failure());
                               Offsets offsets;
                               for (const Reply<OffsetAnswer>& answer : reply.value()) {
                                 if (!answer.ok()) return done(answer.failure());
                                 offsets.push_back(answer.value());
                               }
                               if (offsets.size() != expected) {
                                 return done(Failure{.error = {ErrorCode::kInternal,
                                                               "a node answered too few offsets"}});
                               }
                               done(std::move(offsets));
                             });
  };
  return Ask<Offsets>(*core_, {timeout_ms, core_->options.try_timeout_ms}, attempt);
}

Result<std::map<TopicPartition, int64_t>> Client::EndOffsets(const std::string& topic,
                                                             int64_t timeout_ms) {
  const int64_t deadline_us = core_->loop.NowUs() + BoundedMs(timeout_ms) * 1000;
  TRY_ASSIGN(const TopicsView view, DescribeTopics({topic}, timeout_ms));
  std::vector<OffsetQuery> queries;
  for (size_t i = 0; !view.topics.empty() && i < view.topics.front().partitions.size(); ++i) {
    queries.push_back({.where = {topic, static_cast<int32_t>(i)}, .at = OffsetQuery::At::kLatest});
  }
  const int64_t left_ms = std::max<int64_t>(1, (deadline_us - core_->loop.NowUs()) / 1000);
  TRY_ASSIGN(const auto answers, ListOffsets(queries, left_ms));
  std::map<TopicPartition, int64_t> ends;
  for (size_t i = 0; i < queries.size(); ++i) ends[queries[i].where] = answers[i].offset;
  return ends;
}

Result<std::string> Client::CreateTopic(NewTopic topic, int64_t timeout_ms) {
  const auto outcome = AskAndWait<std::string>(
      *core_, LongTries(timeout_ms),
      [this, topic](const std::string& node, int64_t try_ms, Done<std::string> done) {
        core_->wire->CreateTopic(node, topic, try_ms, std::move(done));
      });
  if (!outcome.reply.has_value()) return Closed();
  if (outcome.reply->ok()) return outcome.reply->value();
  const Error& error = outcome.reply->failure().error;
  if (!outcome.maybe_done || error.code != ErrorCode::kAlreadyExists) return error;
  return AwaitTopic(topic.name, timeout_ms);
}

/// A topic whose creation was decided, though we were not told: answers its id once every partition
/// is led.
Result<std::string> Client::AwaitTopic(const std::string& name, int64_t timeout_ms) {
  const int64_t deadline_us = core_->loop.NowUs() + BoundedMs(timeout_ms) * 1000;
  TRY_ASSIGN(const TopicsView view, DescribeTopics({name}, timeout_ms));
  // Each question waits for the leaders that are missing, so this is no busy loop.
  for (;;) {
    const int64_t left_ms = (deadline_us - core_->loop.NowUs()) / 1000;
    if (left_ms <= 0) break;
    TRY_ASSIGN(const auto partitions, DescribePartitions({name}, left_ms));
    const bool all_led = std::all_of(partitions.begin(), partitions.end(),
                                     [](const auto& partition) { return partition.from_leader; });
    if (all_led && !view.topics.empty()) return view.topics.front().id;
  }
  return Error{ErrorCode::kTimeout, "topic '" + name +
                                        "' was created, but not all of its partitions "
                                        "have a leader yet"};
}

Status Client::DeleteTopic(std::string name, int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, name](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->DeleteTopic(node, name, try_ms, std::move(done));
      },
      IsGone);
}

Status Client::AlterTopicConfigs(std::string topic, ConfigChanges changes, int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, topic, changes](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->AlterTopicConfigs(node, topic, changes, try_ms, std::move(done));
      });
}

Status Client::CreatePartitions(std::string topic, int32_t total, int64_t timeout_ms) {
  const auto outcome = AskAndWait<Nothing>(
      *core_, {timeout_ms, timeout_ms},
      [this, topic, total](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->CreatePartitions(node, topic, total, try_ms, std::move(done));
      });
  if (!outcome.reply.has_value()) return Closed();
  if (outcome.reply->ok()) return {};
  const Error& error = outcome.reply->failure().error;
  if (!outcome.maybe_done || error.code != ErrorCode::kInvalidArgument) return error;
  // "The new number must be greater": perhaps because an earlier try made it so.
  TRY_ASSIGN(const TopicsView view, DescribeTopics({topic}, timeout_ms));
  const size_t present = view.topics.empty() ? 0 : view.topics.front().partitions.size();
  return present >= static_cast<size_t>(total) ? Status() : Status(error);
}

Result<std::vector<TopicEntry>> Client::ListTopics(int64_t timeout_ms) {
  using Topics = std::vector<TopicEntry>;
  return Ask<Topics>(*core_, {timeout_ms, core_->options.try_timeout_ms},
                     [this](const std::string& node, int64_t try_ms, Done<Topics> done) {
                       core_->wire->ListTopics(node, try_ms, std::move(done));
                     });
}

Result<TopicsView> Client::DescribeTopics(std::vector<std::string> names, int64_t timeout_ms) {
  return Ask<TopicsView>(
      *core_, {timeout_ms, core_->options.try_timeout_ms},
      [this, names](const std::string& node, int64_t try_ms, Done<TopicsView> done) {
        core_->wire->DescribeTopics(node, names, try_ms, std::move(done));
      });
}

Result<ClusterView> Client::DescribeCluster(int64_t timeout_ms) {
  return Ask<ClusterView>(*core_, {timeout_ms, core_->options.try_timeout_ms},
                          [this](const std::string& node, int64_t try_ms, Done<ClusterView> done) {
                            core_->wire->DescribeCluster(node, try_ms, std::move(done));
                          });
}

Result<std::vector<PartitionStateView>> Client::DescribePartitions(std::vector<std::string> topics,
                                                                   int64_t timeout_ms) {
  using States = std::vector<PartitionStateView>;
  return Ask<States>(*core_, {timeout_ms, timeout_ms},
                     [this, topics](const std::string& node, int64_t try_ms, Done<States> done) {
                       core_->wire->DescribePartitions(node, topics, try_ms, std::move(done));
                     });
}

Status Client::TransferLeadership(TopicPartition where, int32_t to, int64_t timeout_ms) {
  return Change(*core_, timeout_ms,
                [this, where, to](const std::string& node, int64_t try_ms, Done<Nothing> done) {
                  core_->wire->TransferLeadership(node, where, to, try_ms, std::move(done));
                });
}

Status Client::MovePartition(TopicPartition where, std::vector<int32_t> replicas,
                             int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, where, replicas](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->MovePartition(node, where, replicas, try_ms, std::move(done));
      });
}

Result<int64_t> Client::DeleteRecords(TopicPartition where, int64_t before_offset,
                                      int64_t timeout_ms) {
  // To trim twice is to trim once, so that a try of unknown fate may simply be repeated.
  return Ask<int64_t>(
      *core_, {timeout_ms, timeout_ms},
      [this, where, before_offset](const std::string& node, int64_t try_ms, Done<int64_t> done) {
        core_->wire->DeleteRecords(node, where, before_offset, try_ms, std::move(done));
      });
}

Status Client::AddNode(int32_t id, int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, id](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->AddNode(node, id, try_ms, std::move(done));
      },
      IsThere);
}

Status Client::RemoveNode(int32_t id, int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, id](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->RemoveNode(node, id, try_ms, std::move(done));
      },
      IsGone);
}

/// `call(address, try_ms, done)` at the node named, or at any that answers.
Result<GroupListView> Client::ListGroups(int64_t timeout_ms) {
  return Ask<GroupListView>(
      *core_, LongTries(timeout_ms),
      [this](const std::string& node, int64_t try_ms, Done<GroupListView> done) {
        core_->wire->ListGroups(node, try_ms, std::move(done));
      });
}

Result<GroupView> Client::DescribeGroup(std::string group, int64_t timeout_ms) {
  return Ask<GroupView>(
      *core_, LongTries(timeout_ms),
      [this, group](const std::string& node, int64_t try_ms, Done<GroupView> done) {
        core_->wire->DescribeGroup(node, group, try_ms, std::move(done));
      });
}

Status Client::DeleteGroup(std::string group, int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, group](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->DeleteGroup(node, group, try_ms, std::move(done));
      },
      IsGone);
}

Status Client::CommitOffsets(std::string group, std::vector<GroupOffset> offsets,
                             int64_t timeout_ms) {
  return Change(
      *core_, timeout_ms,
      [this, group, offsets](const std::string& node, int64_t try_ms, Done<Nothing> done) {
        core_->wire->CommitOffsets(node, group, offsets, try_ms, std::move(done));
      });
}

template <class T, class Call>
Result<T> Client::AskNode(int32_t node, int64_t timeout_ms, Call call) {
  if (node == 0) return Ask<T>(*core_, {timeout_ms, core_->options.try_timeout_ms}, call);
  TRY_ASSIGN(const ClusterView cluster, DescribeCluster(timeout_ms));
  const auto named = std::find_if(cluster.nodes.begin(), cluster.nodes.end(),
                                  [node](const NodeView& view) { return view.id == node; });
  if (named == cluster.nodes.end()) {
    return Error{ErrorCode::kNotFound, "the cluster has no node " + std::to_string(node) +
                                           "; `jangada cluster nodes` lists them"};
  }
  if (named->grpc_address.empty()) {
    return Error{ErrorCode::kUnavailable,
                 "node " + std::to_string(node) + " was added but has not started yet"};
  }
  return AskOnce<T>(*core_, named->grpc_address, timeout_ms, call);
}

Result<LogLevelView> Client::GetLogLevel(int32_t node, int64_t timeout_ms) {
  return AskNode<LogLevelView>(
      node, timeout_ms, [this](const std::string& at, int64_t try_ms, Done<LogLevelView> done) {
        core_->wire->GetLogLevel(at, try_ms, std::move(done));
      });
}

Result<LogLevelView> Client::SetLogLevel(int32_t node, std::string level, int64_t timeout_ms) {
  return AskNode<LogLevelView>(
      node, timeout_ms,
      [this, level](const std::string& at, int64_t try_ms, Done<LogLevelView> done) {
        core_->wire->SetLogLevel(at, level, try_ms, std::move(done));
      });
}

Result<ConfigView> Client::DescribeConfig(int32_t node, int64_t timeout_ms) {
  return AskNode<ConfigView>(node, timeout_ms,
                             [this](const std::string& at, int64_t try_ms, Done<ConfigView> done) {
                               core_->wire->DescribeConfig(at, try_ms, std::move(done));
                             });
}

Result<bool> Client::IsServing(const std::string& address, int64_t timeout_ms) {
  if (!IsHostPort(address)) return NoAddress(address);
  return AskOnce<bool>(*core_, address, timeout_ms,
                       [this](const std::string& at, int64_t try_ms, Done<bool> done) {
                         core_->wire->CheckHealth(at, try_ms, std::move(done));
                       });
}

}  // namespace jangada::client
