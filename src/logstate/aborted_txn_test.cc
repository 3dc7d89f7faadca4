#include "logstate/aborted_txn.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace moldau::logstate {
namespace {

AbortedTxn txn(std::int64_t producer, std::int64_t first, std::int64_t last, std::int64_t stable) {
  return {.producer_id = base::ProducerId(producer),
          .first_offset = base::Offset(first),
          .last_offset = base::Offset(last),
          .last_stable_offset = base::Offset(stable)};
}

std::vector<std::byte> file_of(const std::vector<AbortedTxn>& txns) {
  std::vector<std::byte> file;
  for (const auto& t : txns) {
    const auto bytes = encode_aborted_txn(t);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  return file;
}

TEST(AbortedTxn, LayoutIsKafkas) {
  EXPECT_EQ(base::to_hex(encode_aborted_txn(txn(1, 2, 3, 4))),
            "00000000000000000001000000000000000200000000000000030000000000000004");
  const std::vector txns = {txn(1, 0, 10, 5), txn(2, 5, 20, 21)};
  EXPECT_EQ(decode_aborted_txns(file_of(txns)), txns);
}

TEST(AbortedTxn, APartialLastEntryIsLeftOut) {
  auto file = file_of({txn(1, 0, 10, 5), txn(2, 5, 20, 21)});
  file.pop_back();
  EXPECT_EQ(decode_aborted_txns(file), (std::vector{txn(1, 0, 10, 5)}));
}

TEST(AbortedTxn, RefusesOtherVersionsAndDisorder) {
  auto file = file_of({txn(1, 0, 10, 5)});
  file[1] = std::byte{1};
  EXPECT_FALSE(decode_aborted_txns(file));
  EXPECT_FALSE(decode_aborted_txns(file_of({txn(1, 0, 10, 5), txn(2, 5, 10, 21)})));
}

TEST(AbortedTxn, CollectsWhatOverlaps) {
  const std::vector txns = {txn(1, 0, 10, 11), txn(2, 5, 15, 16), txn(3, 18, 35, 25),
                            txn(4, 32, 50, 40)};
  const auto ask = [&](std::int64_t from, std::int64_t upto) {
    return collect_aborted(txns, base::Offset(from), base::Offset(upto));
  };
  EXPECT_EQ(ask(0, 100).txns, txns);
  EXPECT_FALSE(ask(0, 100).complete);
  EXPECT_EQ(ask(0, 32).txns, (std::vector{txns[0], txns[1], txns[2]}));
  EXPECT_TRUE(ask(0, 32).complete);
  EXPECT_EQ(ask(16, 18).txns, std::vector<AbortedTxn>{});
  EXPECT_TRUE(ask(16, 18).complete);
  EXPECT_EQ(ask(15, 19).txns, (std::vector{txns[1], txns[2]}));
}

}  // namespace
}  // namespace moldau::logstate
