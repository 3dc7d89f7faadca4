// What is given back to the kernel: only what is on the disk, whole steps, the oldest first, and
// never more than it takes to keep the budget.
#include "storage/internal/page_window.h"

#include <map>

#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage::internal {
namespace {

constexpr std::uint64_t kStep = PageWindow::kStepBytes;

class SomeFile final : public rt::File {
 public:
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  std::string path_ = "somewhere";
};

SegmentRef new_segment() {
  auto segment = std::make_shared<Segment>(base::Offset(0));
  segment->windowed = 0;
  segment->file = std::make_shared<SomeFile>();
  return segment;
}

void sync_to(PageWindow& window, const SegmentRef& segment, std::uint64_t bytes) {
  segment->synced = bytes;
  window.synced(segment);
}

TEST(PageWindow, KeepsTheNewestAndGivesBackWholeStepsOfWhatIsOnTheDisk) {
  PageWindow window(3 * kStep);
  const SegmentRef segment = new_segment();
  sync_to(window, segment, 2 * kStep + 100);
  sync_to(window, segment, 3 * kStep + 100);
  EXPECT_FALSE(window.next().has_value()) << "within the budget";
  sync_to(window, segment, 5 * kStep + 200);
  const auto range = window.next();
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->position, 0U);
  EXPECT_EQ(range->length, 2 * kStep);
  EXPECT_FALSE(window.next().has_value());
  EXPECT_EQ(window.bytes(), 3 * kStep);
}

TEST(PageWindow, TakesTheOldestOverAllSegments) {
  PageWindow window(2 * kStep);
  const SegmentRef first = new_segment();
  const SegmentRef second = new_segment();
  sync_to(window, first, kStep);
  sync_to(window, second, kStep);
  sync_to(window, first, 2 * kStep);
  EXPECT_EQ(window.next()->segment, first);
  sync_to(window, first, 3 * kStep);
  EXPECT_EQ(window.next()->segment, second);
}

TEST(PageWindow, PassesOverSegmentsThatAreGoneOrClosed) {
  PageWindow window(kStep);
  SegmentRef gone = new_segment();
  const SegmentRef deleted = new_segment();
  const SegmentRef closed = new_segment();
  const SegmentRef open = new_segment();
  for (const SegmentRef& segment : {gone, deleted, closed}) sync_to(window, segment, kStep);
  gone.reset();
  deleted->deleted = true;
  closed->file.reset();
  sync_to(window, open, 2 * kStep);
  const auto range = window.next();
  EXPECT_FALSE(range.has_value() && range->segment != open);
  EXPECT_LE(window.bytes(), 2 * kStep);
}

TEST(PageWindow, LeavesAloneWhatWasThereBeforeAndWhatIsWrittenAgain) {
  PageWindow window(0);
  const SegmentRef found = new_segment();
  found->windowed.reset();
  sync_to(window, found, 10 * kStep);
  EXPECT_FALSE(window.next().has_value()) << "from before the start";
  sync_to(window, found, 11 * kStep);
  EXPECT_EQ(window.next()->position, 10 * kStep);
  sync_to(window, found, 2 * kStep);  // It was truncated.
  sync_to(window, found, 11 * kStep);
  EXPECT_FALSE(window.next().has_value());
  sync_to(window, found, 12 * kStep);
  EXPECT_EQ(window.next()->position, 11 * kStep);
}

TEST(PageWindow, WithoutABudgetNothingIsGivenBack) {
  PageWindow window(std::nullopt);
  const SegmentRef segment = new_segment();
  sync_to(window, segment, 100 * kStep);
  EXPECT_FALSE(window.over_budget());
  EXPECT_FALSE(window.next().has_value());
}

TEST(PageWindow, AStreamIsGivenBackBehindItsEnd) {
  using namespace storage::testing;
  StorageOptions options;
  options.store.page_cache_bytes_max = 2 * kStep;
  World world(1, options);
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(world.append(*log, {.value_bytes = 200'000}).has_value());
    ASSERT_TRUE(world.durable(*log).has_value());
  }
  world.simulation.run_for(1s);
  const std::uint64_t given_back = world.storage->store(0).stats().forgotten_bytes;
  EXPECT_GE(given_back, 8 * kStep);
  EXPECT_LE(given_back, 10 * kStep);
  EXPECT_EQ(world.read_all(*log).size(), 60U);
}

}  // namespace
}  // namespace moldau::storage::internal
