// What every LogStore promises of groups that it held and holds no longer: erased, or lost by the
// disk.
#include <gtest/gtest.h>

#include "tests/storage/log_store_contract.h"

namespace jangada::storage {
namespace {

template <class T>
class LogStoreOfGoneGroups : public LogStoreContract<T> {};
TYPED_TEST_SUITE(LogStoreOfGoneGroups, StoreKinds, StoreName);

TYPED_TEST(LogStoreOfGoneGroups, AnErasedGroupIsGone) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  ASSERT_TRUE(this->call().Append(kOther, MakeEntries(1, 9, 1, 0)).ok());
  GroupWrite erase{kGroup};
  erase.erase = true;
  ASSERT_TRUE(this->call().Persist(std::move(erase)).ok());
  EXPECT_EQ(this->call().Read(kGroup, {1, 9}).error().code, ErrorCode::kNotFound);
  this->Restart();
  EXPECT_EQ(this->LoadOne().group, kOther);
  EXPECT_EQ(this->call().Read(kOther, {1, 9})->size(), 9U);
}

TYPED_TEST(LogStoreOfGoneGroups, ThatAGroupWasErasedIsNeverForgotten) {
  EXPECT_FALSE(this->store().WasErased(kGroup));
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  ASSERT_TRUE(this->call().Append(kOther, MakeEntries(1, 9, 1, 0)).ok());
  EXPECT_FALSE(this->store().WasErased(kGroup));
  GroupWrite erase{kGroup};
  erase.erase = true;
  ASSERT_TRUE(this->call().Persist(std::move(erase)).ok());
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_TRUE(this->store().WasErased(kGroup));
    EXPECT_FALSE(this->store().WasErased(kOther));
    EXPECT_EQ(this->LoadOne().group, kOther);
    this->Restart();
  }
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 3, 9, 0)).ok()) << "it came back";
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_TRUE(this->store().WasErased(kGroup));
    EXPECT_EQ(this->call().Read(kGroup, {1, 3})->size(), 3U);
    this->Restart();
  }
}

TYPED_TEST(LogStoreOfGoneGroups, EraseAndANewBeginningFitInOneWrite) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  GroupWrite write{kGroup};
  write.erase = true;
  write.hard_state = raft::HardState{4, NodeId(1)};
  write.entries = MakeEntries(1, 2, 4, 0);
  ASSERT_TRUE(this->call().Persist(std::move(write)).ok());
  this->Restart();
  const GroupState state = this->LoadOne();
  EXPECT_EQ(state.last, (raft::Position{2, 4}));
  EXPECT_EQ(state.hard_state.term, 4U);
  EXPECT_EQ(state.terms, (std::vector<raft::TermRun>{{1, 4}}));
  EXPECT_FALSE(this->store().WasErased(kGroup)) << "it was never away";
}

TYPED_TEST(LogStoreOfGoneGroups, AGroupMadeAfterALossIsDamagedAndItsVotesAreInDoubt) {
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 9, 1, 0)).ok());
  this->LoseEverything();
  ASSERT_TRUE(this->store().may_have_lost_groups());
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 3, 9, 0)).ok());
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_TRUE(this->LoadOne().damaged);
    EXPECT_TRUE(this->LoadOne().forgot_votes);
    this->Restart();
  }
}

TYPED_TEST(LogStoreOfGoneGroups, TheDamageMarkGoesInTheWriteThatUsesUpTheVote) {
  this->LoseEverything();
  ASSERT_TRUE(this->call().Append(kGroup, MakeEntries(1, 3, 9, 0)).ok());
  GroupWrite whole{kGroup};
  whole.hard_state = raft::HardState{9, NodeId(2)};
  whole.clear_damaged = true;
  ASSERT_TRUE(this->call().Persist(std::move(whole)).ok());
  for (int restart = 0; restart < 2; ++restart) {
    const GroupState state = *this->call().Reload(kGroup);
    EXPECT_FALSE(state.damaged);
    EXPECT_FALSE(state.forgot_votes);
    EXPECT_EQ(state.hard_state, (raft::HardState{9, NodeId(2)}));
    this->Restart();
  }
}

}  // namespace
}  // namespace jangada::storage
