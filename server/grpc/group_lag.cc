#include "server/grpc/group_lag.h"

#include <algorithm>
#include <utility>

#include "server/grpc/convert.h"
#include "server/grpc/status_map.h"

namespace jangada::server::grpc_door {
namespace {

class LagQuestion : public std::enable_shared_from_this<LagQuestion> {
 public:
  LagQuestion(Door& door, const CallScope& scope, v1::DescribeGroupResponse::Partition* partition,
              Callback<> done)
      : door_(door),
        scope_(scope),
        partition_(partition),
        where_{partition->topic(), partition->partition()},
        done_(std::move(done)) {}

  void AskStart() {
    partition_->set_lag_records(-1);
    partition_->set_lag_ms(-1);
    door_.router.ListOffset(where_, kEarliestOffset, scope_,
                            [self = shared_from_this()](const Result<ListedOffset>& start) {
                              if (!start.ok()) return self->Fail(start.error());
                              self->partition_->set_log_start_offset(start->offset);
                              self->AskEnd();
                            });
  }

 private:
  void AskEnd() {
    door_.router.ListOffset(where_, kLatestOffset, scope_,
                            [self = shared_from_this()](const Result<ListedOffset>& end) {
                              if (!end.ok()) return self->Fail(end.error());
                              self->partition_->set_log_end_offset(end->offset);
                              self->Count();
                            });
  }

  void Count() {
    if (partition_->committed_offset() < 0) return done_();
    const int64_t next = std::max(partition_->committed_offset(), partition_->log_start_offset());
    partition_->set_lag_records(std::max<int64_t>(partition_->log_end_offset() - next, 0));
    if (partition_->lag_records() == 0) {
      partition_->set_lag_ms(0);
      return done_();
    }
    // One batch is enough: it holds the first record that was not read yet.
    door_.router.Fetch({.where = where_, .offset = next, .max_bytes = 1, .min_bytes = 0}, scope_,
                       [self = shared_from_this(), next](const Result<FetchResult>& fetched) {
                         if (fetched.ok()) self->Date(*fetched, next);
                         self->done_();
                       });
  }

  void Date(const FetchResult& fetched, int64_t offset) {
    if (fetched.batches.empty()) return;
    google::protobuf::RepeatedPtrField<v1::Record> records;
    const auto appended =
        AppendRecords(fetched.batches.front(), offset, offset + 1, kPlainResponseBytes, &records);
    if (!appended.ok() || records.empty()) return;
    partition_->set_lag_ms(std::max<int64_t>(WallNowMs() - records[0].timestamp_ms(), 0));
  }

  void Fail(const Error& error) {
    *partition_->mutable_error() = DetailOf(error, &where_, door_.broker);
    done_();
  }

  Door& door_;
  const CallScope scope_;
  v1::DescribeGroupResponse::Partition* const partition_;
  const TopicPartition where_;
  Callback<> done_;
};

}  // namespace

void FillLag(Door& door, const CallScope& scope, v1::DescribeGroupResponse::Partition* partition,
             Callback<> done) {
  std::make_shared<LagQuestion>(door, scope, partition, std::move(done))->AskStart();
}

}  // namespace jangada::server::grpc_door
