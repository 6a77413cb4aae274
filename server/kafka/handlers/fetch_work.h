// FetchWork: one Fetch request under way. First it reads what is there: partition after partition
// in the order asked for, several at a time, as far as the bytes allow. If that is too little it
// waits at all partitions at once; the first that has more ends the wait at the others.
//
// The broker's answers come on any thread; a lock orders them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "server/kafka/call.h"
#include "server/kafka/messages/01_fetch.h"

namespace jangada::server::kafka {

class FetchWork : public std::enable_shared_from_this<FetchWork> {
 public:
  explicit FetchWork(Call<FetchRequest> call) : call_(std::move(call)) {}

  void Start();

 private:
  struct Part {
    size_t topic = 0;  // its place in the response
    size_t place = 0;
    TopicPartition where;
    int64_t offset = 0;
    size_t max_bytes = 0;
    size_t reserved = 0;  // while it is being read
    std::vector<FetchedBatch> batches;
    size_t bytes = 0;  // of its batches
  };

  void Prepare();
  /// A partition that the broker need not be asked about.
  Code Check(const TopicPartition& where, const FetchRequest::Partition& asked) const;
  FetchResponse::Partition& AnswerOf(const Part& part) {
    return response_.topics[part.topic].partitions[part.place];
  }
  void Fail(const Part& part, Code code);
  void Take(Part* part, Result<FetchResult> result);

  void ReadMore();
  void OnRead(size_t index, Result<FetchResult> result);
  void AfterReading();

  void Wait(int64_t left_us);
  void OnWaited(uint64_t wait, size_t index, Result<FetchResult> result);

  void Finish();
  void NameLeaders();

  Call<FetchRequest> call_;
  int64_t deadline_us_ = 0;
  size_t max_bytes_ = 0;
  size_t min_bytes_ = 0;

  std::mutex mutex_;  // guards the rest
  FetchResponse response_;
  std::vector<Part> parts_;
  BudgetShare share_;
  bool failed_ = false;
  size_t bytes_ = 0;      // of all batches taken
  size_t reserved_ = 0;   // by reads under way
  size_t next_ = 0;       // the first part that is not being read yet
  size_t read_ = 0;       // parts whose read was answered
  bool reading_ = false;  // somebody is in ReadMore
  bool all_read_ = false;
  uint64_t wait_ = 0;  // the number of the wait under way
  std::shared_ptr<Abandonment> waiters_;
};

}  // namespace jangada::server::kafka
