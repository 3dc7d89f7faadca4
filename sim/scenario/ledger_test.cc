// The checker finds each kind of broken promise, and nothing when all are kept.
#include "sim/scenario/ledger.h"

#include <gtest/gtest.h>

namespace moldau::sim {
namespace {

using base::Offset;
using Reads = std::vector<PartitionLedger::Read>;

struct LedgerTest : ::testing::Test {
  // Two records of producer 0, acknowledged at offsets 0 and 1.
  LedgerTest() {
    for (std::int64_t i = 0; i < 2; ++i) log.acknowledge(log.send(0), Offset(i));
  }
  Problems problems;
  PartitionLedger log{"topic-0", problems};
  const Reads whole{{Offset(0), {0, 0}}, {Offset(1), {0, 1}}};
};

TEST_F(LedgerTest, KeptPromisesAreNoProblem) {
  log.told(log.acknowledged_end(), Offset(0), Offset(2));
  log.check_whole(whole, Offset(0), true);
  EXPECT_TRUE(problems.empty()) << problems.texts().front();
}

TEST_F(LedgerTest, ALostRecordIsFound) {
  log.check_whole({whole[0]}, Offset(0), false);
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, ARecordThatIsThereTwiceIsFound) {
  log.check_whole({whole[0], whole[1], {Offset(2), {0, 1}}}, Offset(0), true);
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, AnotherRecordAtAKnownOffsetIsFound) {
  log.see(Offset(1), {1, 7});
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, AGapIsFound) {
  log.send(0);
  log.check_whole({whole[0], whole[1], {Offset(3), {0, 2}}}, Offset(0), true);
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, WrongOrderIsFound) {
  PartitionLedger other("topic-1", problems);
  other.acknowledge(other.send(0), std::nullopt);
  other.acknowledge(other.send(0), std::nullopt);
  other.check_whole({{Offset(0), {0, 1}}, {Offset(1), {0, 0}}}, Offset(0), true);
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, AnEndBelowWhatIsAcknowledgedIsFound) {
  log.told(log.acknowledged_end(), Offset(0), Offset(1));
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, EndsAndStartsThatGoBackAreFound) {
  log.told(Offset(0), Offset(1), Offset(5));
  EXPECT_TRUE(problems.empty());
  log.told(Offset(0), Offset(1), Offset(4));
  EXPECT_EQ(problems.texts().size(), 1U);
  log.told(Offset(0), Offset(0), Offset(5));
  EXPECT_EQ(problems.texts().size(), 2U);
}

TEST_F(LedgerTest, AFirstRecordThatIsMissingIsFound) {
  PartitionLedger other("topic-1", problems);
  for (int i = 0; i < 2; ++i) (void)other.send(0);
  other.check_whole({{Offset(0), {0, 1}}}, Offset(0), false);
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, ARecordThatNobodySentIsFound) {
  log.check_whole({whole[0], whole[1], {Offset(2), {0, 2}}}, Offset(0), false);
  EXPECT_FALSE(problems.empty());
}

TEST_F(LedgerTest, OnlyAProducerWithoutAnIdMayRepeatItself) {
  PartitionLedger other("topic-1", problems);
  const RecordName name = other.send(3, Promise::kAtLeastOnce);
  other.acknowledge(name, Offset(1));
  other.check_whole({{Offset(0), name}, {Offset(1), name}}, Offset(0), true);
  EXPECT_TRUE(problems.empty()) << problems.texts().front();
  other.check_whole({{Offset(0), name}}, Offset(0), true);
  EXPECT_EQ(problems.texts().size(), 1U) << "it was acknowledged at offset 1";
}

TEST_F(LedgerTest, WhatWasCutIsForgottenAndMayNotComeBack) {
  log.cut(Offset(1));
  log.check_whole({whole[0]}, Offset(0), true);
  EXPECT_TRUE(problems.empty()) << problems.texts().front();
  log.check_whole(whole, Offset(0), true);
  EXPECT_FALSE(problems.empty());
}

TEST(RecordNames, AreReadBack) {
  const RecordName name{.producer = 3, .number = 41};
  EXPECT_EQ(name_of(key_of(name)), name);
  for (const std::string_view bad : {"", "3", "3:", ":4", "3:4x", "x:4"}) {
    EXPECT_FALSE(name_of(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace moldau::sim
