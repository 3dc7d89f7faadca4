#include "logstate/leader_epoch_cache.h"

#include <map>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace moldau::logstate {
namespace {

using base::LeaderEpoch;
using base::Offset;

EpochEntry entry(int epoch, std::int64_t start) {
  return {.epoch = LeaderEpoch(epoch), .start_offset = Offset(start)};
}
EpochEndOffset end(int epoch, std::int64_t offset) {
  return {.epoch = LeaderEpoch(epoch), .end_offset = Offset(offset)};
}

LeaderEpochCache cache_of(std::initializer_list<EpochEntry> entries) {
  LeaderEpochCache cache;
  for (const auto& e : entries) EXPECT_TRUE(cache.assign(e.epoch, e.start_offset));
  return cache;
}

TEST(LeaderEpochCache, AssignsOnceAndKeepsOrder) {
  LeaderEpochCache cache = cache_of({entry(2, 0), entry(4, 10)});
  EXPECT_FALSE(cache.assign(LeaderEpoch(4), Offset(10)));
  EXPECT_FALSE(cache.assign(LeaderEpoch(4), Offset(20)));
  EXPECT_EQ(cache.entries(), (std::vector{entry(2, 0), entry(4, 10)}));
  EXPECT_FALSE(cache.assign(LeaderEpoch(-1), Offset(20)));
  EXPECT_FALSE(cache.assign(LeaderEpoch(5), Offset(-1)));
}

TEST(LeaderEpochCache, ANewEntryRemovesWhatContradictsIt) {
  // The same epoch from an earlier offset on.
  LeaderEpochCache cache = cache_of({entry(2, 0), entry(4, 10)});
  EXPECT_TRUE(cache.assign(LeaderEpoch(4), Offset(7)));
  EXPECT_EQ(cache.entries(), (std::vector{entry(2, 0), entry(4, 7)}));
  // A later epoch at the same offset: the one before never wrote anything.
  EXPECT_TRUE(cache.assign(LeaderEpoch(5), Offset(7)));
  EXPECT_EQ(cache.entries(), (std::vector{entry(2, 0), entry(5, 7)}));
  // A lower epoch that comes later wins, as in Kafka.
  EXPECT_TRUE(cache.assign(LeaderEpoch(3), Offset(9)));
  EXPECT_EQ(cache.entries(), (std::vector{entry(2, 0), entry(3, 9)}));
  EXPECT_TRUE(cache.assign(LeaderEpoch(6), Offset(0)));
  EXPECT_EQ(cache.entries(), (std::vector{entry(6, 0)}));
}

TEST(LeaderEpochCache, TruncatesFromTheEnd) {
  const auto cut = [](std::int64_t at) {
    LeaderEpochCache cache = cache_of({entry(2, 6), entry(3, 8), entry(4, 11)});
    const bool changed = cache.truncate_from_end(Offset(at));
    EXPECT_EQ(changed, cache.entries().size() != 3u);
    return cache.entries();
  };
  EXPECT_EQ(cut(12), (std::vector{entry(2, 6), entry(3, 8), entry(4, 11)}));
  EXPECT_EQ(cut(11), (std::vector{entry(2, 6), entry(3, 8)}));
  EXPECT_EQ(cut(9), (std::vector{entry(2, 6), entry(3, 8)}));
  EXPECT_EQ(cut(8), (std::vector{entry(2, 6)}));
  EXPECT_EQ(cut(0), (std::vector<EpochEntry>{}));
  EXPECT_EQ(cut(-1).size(), 3u);
}

TEST(LeaderEpochCache, TruncatesFromTheStart) {
  const auto cut = [](std::int64_t at) {
    LeaderEpochCache cache = cache_of({entry(2, 6), entry(3, 8), entry(4, 11)});
    static_cast<void>(cache.truncate_from_start(Offset(at)));
    return cache.entries();
  };
  EXPECT_EQ(cut(5), (std::vector{entry(2, 6), entry(3, 8), entry(4, 11)}));
  EXPECT_EQ(cut(6), (std::vector{entry(2, 6), entry(3, 8), entry(4, 11)}));
  EXPECT_EQ(cut(7), (std::vector{entry(2, 7), entry(3, 8), entry(4, 11)}));
  EXPECT_EQ(cut(8), (std::vector{entry(3, 8), entry(4, 11)}));
  EXPECT_EQ(cut(10), (std::vector{entry(3, 10), entry(4, 11)}));
  EXPECT_EQ(cut(100), (std::vector{entry(4, 100)}));
  LeaderEpochCache cache;
  EXPECT_FALSE(cache.truncate_from_start(Offset(5)));
  cache = cache_of({entry(2, 6), entry(3, 8)});
  EXPECT_FALSE(cache.truncate_from_start(Offset(6)));
  EXPECT_TRUE(cache.truncate_from_start(Offset(7)));
}

TEST(LeaderEpochCache, EndOffsets) {
  const LeaderEpochCache cache = cache_of({entry(2, 6), entry(4, 11), entry(7, 20)});
  const Offset log_end(33);
  const auto ask = [&](int epoch) { return cache.end_offset_for(LeaderEpoch(epoch), log_end); };
  EXPECT_EQ(ask(-1), end(-1, -1));  // no epoch
  EXPECT_EQ(ask(0), end(0, 6));     // before the first known one
  EXPECT_EQ(ask(1), end(1, 6));
  EXPECT_EQ(ask(2), end(2, 11));
  EXPECT_EQ(ask(3), end(2, 11));  // between two: the lower
  EXPECT_EQ(ask(4), end(4, 20));
  EXPECT_EQ(ask(6), end(4, 20));
  EXPECT_EQ(ask(7), end(7, 33));   // the latest: the log's end
  EXPECT_EQ(ask(8), end(-1, -1));  // not known yet
  EXPECT_EQ(LeaderEpochCache().end_offset_for(LeaderEpoch(0), log_end), end(-1, -1));
}

TEST(LeaderEpochCache, Lookups) {
  const LeaderEpochCache cache = cache_of({entry(2, 6), entry(4, 11)});
  EXPECT_EQ(cache.latest(), entry(4, 11));
  EXPECT_EQ(cache.earliest(), entry(2, 6));
  EXPECT_EQ(cache.entry_for(LeaderEpoch(2)), entry(2, 6));
  EXPECT_EQ(cache.entry_for(LeaderEpoch(3)), std::nullopt);
  EXPECT_EQ(cache.epoch_for_offset(Offset(5)), std::nullopt);
  EXPECT_EQ(cache.epoch_for_offset(Offset(6)), LeaderEpoch(2));
  EXPECT_EQ(cache.epoch_for_offset(Offset(10)), LeaderEpoch(2));
  EXPECT_EQ(cache.epoch_for_offset(Offset(11)), LeaderEpoch(4));
  EXPECT_EQ(cache.epoch_for_offset(Offset(1000)), LeaderEpoch(4));
}

// Random logs: the cache must answer as a list of every record's epoch does.
TEST(LeaderEpochCache, AgreesWithAListOfEpochs) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    base::Rng rng(seed);
    LeaderEpochCache cache;
    std::map<std::int64_t, int> epoch_at;  // offset -> epoch
    std::int64_t log_end = 0;
    std::int64_t log_start = 0;
    int epoch = 0;
    for (int step = 0; step < 60; ++step) {
      switch (rng.below(6)) {
        case 0:
          epoch += static_cast<int>(rng.below(3));
          break;
        case 1:
          log_end = rng.between(log_start, log_end);
          epoch_at.erase(epoch_at.lower_bound(log_end), epoch_at.end());
          static_cast<void>(cache.truncate_from_end(Offset(log_end)));
          break;
        case 2:
          if (log_start == log_end) break;
          log_start = rng.between(log_start, log_end - 1);
          epoch_at.erase(epoch_at.begin(), epoch_at.lower_bound(log_start));
          static_cast<void>(cache.truncate_from_start(Offset(log_start)));
          break;
        default:
          static_cast<void>(cache.assign(LeaderEpoch(epoch), Offset(log_end)));
          for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) epoch_at[log_end++] = epoch;
      }
      for (std::size_t i = 1; i < cache.entries().size(); ++i) {
        ASSERT_LT(cache.entries()[i - 1].epoch, cache.entries()[i].epoch) << "seed " << seed;
        ASSERT_LT(cache.entries()[i - 1].start_offset, cache.entries()[i].start_offset);
      }
      for (const auto& [offset, expected] : epoch_at) {
        ASSERT_EQ(cache.epoch_for_offset(Offset(offset)), LeaderEpoch(expected)) << "seed " << seed;
      }
      if (!epoch_at.empty()) {
        const int asked = epoch_at.begin()->second;
        std::int64_t expected = log_end;
        for (const auto& [offset, e] : epoch_at) {
          if (e > asked) {
            expected = offset;
            break;
          }
        }
        ASSERT_EQ(cache.end_offset_for(LeaderEpoch(asked), Offset(log_end)), end(asked, expected))
            << "seed " << seed;
      }
    }
  }
}

TEST(LeaderEpochCheckpoint, TextGoesThereAndBack) {
  const std::vector entries = {entry(0, 0), entry(3, 42), entry(7, 9'000'000'000)};
  const std::string text = encode_leader_epochs(entries);
  EXPECT_EQ(text, "0\n3\n0 0\n3 42\n7 9000000000\n");
  EXPECT_EQ(decode_leader_epochs(text), entries);
  EXPECT_EQ(encode_leader_epochs({}), "0\n0\n");
  EXPECT_EQ(decode_leader_epochs("0\n0\n"), std::vector<EpochEntry>{});
  EXPECT_EQ(decode_leader_epochs(""), std::vector<EpochEntry>{});
}

TEST(LeaderEpochCheckpoint, RefusesWhatIsNotOne) {
  for (const char* text :
       {"1\n0\n", "x\n0\n", "0\n", "0\nx\n", "0\n2\n0 0\n", "0\n1\n0 0\n1 5\n", "0\n1\n0\n",
        "0\n1\n0 x\n", "0\n1\n0 0 0\n", "0\n1\n-1 0\n", "0\n1\n0 -1\n", "0\n1\n\n", "0\n-1\n"}) {
    EXPECT_FALSE(decode_leader_epochs(text)) << text;
  }
}

}  // namespace
}  // namespace moldau::logstate
