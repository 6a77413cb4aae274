// LogStoreContract: one store of each kind on a disk, which closes and opens again and can lose all
// groups. For the tests of what every LogStore promises (storage/log_store.h).
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <type_traits>

#include "storage/mem_log_store.h"
#include "storage/rocks_log_store.h"
#include "tests/storage/store_fixture.h"

namespace jangada::storage {

inline constexpr GroupId kGroup{7};
inline constexpr GroupId kOther{8};

/// One store on one disk; Restart closes it and opens it again.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual LogStore& store() = 0;
  virtual void Restart() = 0;
  /// The disk loses all groups, and the store opens again.
  virtual void LoseEverything() = 0;
};

class MemSubject final : public Subject {
 public:
  LogStore& store() override { return store_; }
  void Restart() override {}  // what is synced is all there is
  void LoseEverything() override { store_.LoseEverything(); }

 private:
  ThreadExecutor disk_{"disk"};
  MemLogStore store_{disk_};
};

class RocksSubject final : public Subject {
 public:
  RocksSubject() {
    char name[] = "/tmp/jangada-store-XXXXXX";
    folder_ = ::mkdtemp(name);
    Start();
  }
  ~RocksSubject() override {
    Stop();
    std::filesystem::remove_all(folder_);
  }
  LogStore& store() override { return *store_; }
  void Restart() override {
    Stop();
    Start();
  }
  void LoseEverything() override {
    Stop();
    std::filesystem::remove(folder_ / "store/db/CURRENT");
    Start();
  }

 private:
  void Start() {
    writer_ = std::make_unique<ThreadExecutor>("writer");
    RocksOptions options;
    options.path = folder_ / "store";
    store_ = RocksLogStore::Open(options, *writer_).value();
  }
  void Stop() {
    writer_->Stop();
    store_.reset();
    writer_.reset();
  }

  std::filesystem::path folder_;
  std::unique_ptr<ThreadExecutor> writer_;
  std::unique_ptr<RocksLogStore> store_;
};

template <class T>
class LogStoreContract : public ::testing::Test {
 protected:
  LogStore& store() { return subject_.store(); }
  Caller call() { return Caller(store(), shard_); }
  void Restart() { subject_.Restart(); }
  void LoseEverything() { subject_.LoseEverything(); }
  GroupState LoadOne() {
    const auto states = store().Load().value();
    CHECK_EQ(states.size(), 1U);
    return states.front();
  }

 private:
  ThreadExecutor shard_{"shard"};
  T subject_;
};

class StoreName {
 public:
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, MemSubject> ? "Mem" : "Rocks";
  }
};

using StoreKinds = ::testing::Types<MemSubject, RocksSubject>;

}  // namespace jangada::storage
