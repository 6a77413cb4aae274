// storage/data_folder: whose folder it is, and who is kept out.
#include "storage/data_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace jangada::storage {
namespace {

class DataFolderTest : public testing::Test {
 protected:
  DataFolderTest() {
    std::string pattern = testing::TempDir() + "data_folder_XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~DataFolderTest() override { std::filesystem::remove_all(root_); }

  std::string path() const { return root_ + "/deep/data"; }
  Result<std::unique_ptr<DataFolder>> Open(int32_t node, uint64_t seed = 1) {
    Random random(seed);
    return DataFolder::Open(path(), NodeId(node), Uuid::Make(random));
  }

  std::string root_;
};

TEST_F(DataFolderTest, ANewFolderKeepsItsDiskIdForEver) {
  Uuid disk;
  {
    auto folder = Open(1, 1);
    ASSERT_TRUE(folder.ok()) << folder.error();
    disk = (*folder)->meta().disk_id;
  }
  auto again = Open(1, 2);
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ((*again)->meta().disk_id, disk);
  EXPECT_TRUE((*again)->meta().cluster_id.IsZero());
}

TEST_F(DataFolderTest, WhatWasSavedIsThereAtTheNextStart) {
  Random random(9);
  const Uuid cluster = Uuid::Make(random);
  {
    auto folder = Open(3);
    ASSERT_TRUE(folder.ok());
    DataFolderMeta meta = (*folder)->meta();
    meta.cluster_id = cluster;
    meta.founding = std::string("\0\x01 founders", 11);
    ASSERT_TRUE((*folder)->Save(meta).ok());
  }
  auto again = Open(3);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->meta().cluster_id, cluster);
  EXPECT_EQ((*again)->meta().founding, std::string("\0\x01 founders", 11));
}

TEST_F(DataFolderTest, ASecondProcessIsKeptOut) {
  auto first = Open(1);
  ASSERT_TRUE(first.ok());
  auto second = Open(1);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("in use by another process"), std::string::npos);
}

TEST_F(DataFolderTest, TheFolderOfAnotherNodeIsRefused) {
  { ASSERT_TRUE(Open(1).ok()); }
  auto other = Open(2);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(other.error().message.find("belongs to node 1"), std::string::npos);
}

TEST_F(DataFolderTest, EveryFlippedBitOfTheMetaIsNoticed) {
  { ASSERT_TRUE(Open(1).ok()); }
  std::ifstream in(path() + "/meta", std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(path() + "/meta", std::ios::binary) << bad;
    ASSERT_FALSE(Open(1).ok()) << "bit " << bit;
  }
}

TEST_F(DataFolderTest, AFolderThatCannotBeMadeIsAClearError) {
  std::ofstream(root_ + "/deep") << "a file in the way";
  auto folder = Open(1);
  ASSERT_FALSE(folder.ok());
  EXPECT_NE(folder.error().message.find("cannot be used"), std::string::npos);
}

}  // namespace
}  // namespace jangada::storage
