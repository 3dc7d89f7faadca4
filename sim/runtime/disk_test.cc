// The disk's promises (rt/disk.h) and what a crash does to what was not promised.
#include "rt/disk.h"

#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/result.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using rt::IoErrorCode;
using rt::OpenMode;

constexpr std::uint64_t kSeeds = 200;

// One node, and disk calls that run to their end.
class DiskWorld {
 public:
  explicit DiskWorld(std::uint64_t seed, DiskOptions disk = {})
      : world_({.seed = seed}), node_(world_.add_node({.disk = disk})) {}

  template <class T>
  T run(rt::Task<T> task) {
    return run_task(world_, node_.loop(0), std::move(task));
  }
  rt::Disk& disk() { return node_.disk(); }
  Node& node() { return node_; }
  Simulation& world() { return world_; }

  rt::FileRef open(const std::string& path, OpenMode mode = OpenMode::kCreate) {
    auto file = run(disk().open(path, mode));
    EXPECT_TRUE(file.has_value()) << path;
    return file.value_or(nullptr);
  }
  rt::IoResult<std::size_t> write(rt::FileRef file, std::uint64_t position, std::string_view text) {
    return run(write_task(disk(), std::move(file), position, std::string(text)));
  }
  rt::IoResult<std::size_t> write_and_sync(rt::FileRef file, std::uint64_t position,
                                           std::string_view text) {
    return run(synced_write_task(disk(), std::move(file), position, std::string(text)));
  }
  rt::IoResult<std::size_t> sync(rt::FileRef file) {
    return run(sync_task(disk(), std::move(file)));
  }
  std::optional<std::string> content(const std::string& path) {
    const auto bytes = run(rt::read_file(disk(), path));
    if (!bytes) return std::nullopt;
    return std::string(bytes->text());
  }
  std::string names(const std::string& path) {
    const auto entries = run(disk().list(path));
    if (!entries) return "(" + std::string(rt::to_string(entries.error().code)) + ")";
    std::string text;
    for (const auto& entry : *entries) text += entry.name + (entry.is_directory ? "/ " : " ");
    return text;
  }
  void crash(CrashKind kind) {
    node_.crash(kind);
    node_.restart();
  }

 private:
  static rt::Task<rt::IoResult<std::size_t>> write_task(rt::Disk& disk, rt::FileRef file,
                                                        std::uint64_t position, std::string text) {
    co_return co_await disk.write_at(std::move(file), position, base::as_bytes(text));
  }
  static rt::Task<rt::IoResult<std::size_t>> synced_write_task(rt::Disk& disk, rt::FileRef file,
                                                               std::uint64_t position,
                                                               std::string text) {
    const base::Bytes bytes = base::as_bytes(text);
    co_return co_await disk.write_and_sync(std::move(file), position, {&bytes, 1});
  }
  static rt::Task<rt::IoResult<std::size_t>> sync_task(rt::Disk& disk, rt::FileRef file) {
    co_return co_await disk.sync(std::move(file));
  }

  Simulation world_;
  Node& node_;
};

IoErrorCode code(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? IoErrorCode::kInvalid : result.error().code;
}

TEST(SimDisk, OpensByMode) {
  DiskWorld world(1);
  EXPECT_EQ(code(world.run(world.disk().open("/a", OpenMode::kRead))), IoErrorCode::kNotFound);
  EXPECT_EQ(code(world.run(world.disk().open("/d/a", OpenMode::kCreate))), IoErrorCode::kNotFound);
  const auto file = world.open("/a", OpenMode::kCreateNew);
  EXPECT_EQ(file->path(), "/a");
  EXPECT_EQ(code(world.run(world.disk().open("/a", OpenMode::kCreateNew))), IoErrorCode::kExists);
  EXPECT_TRUE(world.write(file, 0, "hello"));
  EXPECT_EQ(code(world.write(world.open("/a", OpenMode::kRead), 0, "x")), IoErrorCode::kPermission);
  world.open("/a", OpenMode::kCreate);
  EXPECT_EQ(world.content("/a"), "hello");
  world.open("/a", OpenMode::kCreateTruncate);
  EXPECT_EQ(world.content("/a"), "");
  EXPECT_EQ(code(world.run(world.disk().open("/a/b", OpenMode::kCreate))),
            IoErrorCode::kNotDirectory);
}

rt::Task<std::string> gathered_write_and_short_read(rt::Disk& disk) {
  const rt::FileRef file = *co_await disk.open("/f", OpenMode::kCreate);
  const std::array<base::Bytes, 3> slices{base::as_bytes("ab"), base::as_bytes("cde"),
                                          base::as_bytes("f")};
  const auto written = co_await disk.write_at(file, 2, slices);
  EXPECT_EQ(written, 6U);
  std::string text(10, '?');
  const auto count = co_await disk.read_at(file, 1, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(count, 7U);
  const auto beyond = co_await disk.read_at(file, 100, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(beyond, 0U);
  co_return text.substr(0, *count);
}

TEST(SimDisk, WritesInOneGoAndReadsUpToTheEnd) {
  DiskWorld world(2);
  EXPECT_EQ(world.run(gathered_write_and_short_read(world.disk())), std::string("\0abcdef", 7));
}

rt::Task<> write_one(rt::Disk& disk, rt::FileRef file, char value, std::string& order) {
  const std::string text(1, value);
  EXPECT_TRUE(co_await disk.write_at(std::move(file), 0, base::as_bytes(text)));
  order += value;
}

TEST(SimDisk, OperationsInFlightCompleteInAnyOrder) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    DiskWorld world(seed);
    const auto file = world.open("/f");
    std::string order;
    rt::Scope scope(world.node().loop(0));
    for (const char value : {'1', '2', '3'}) {
      scope.spawn(write_one(world.disk(), file, value, order));
    }
    ASSERT_TRUE(world.world().run_until_idle(std::chrono::seconds(1)));
    orders.insert(order);
    EXPECT_EQ(order.size(), 3U);
  }
  EXPECT_EQ(orders.size(), 6U);
}

TEST(SimDisk, NamesFollowTheirDirectory) {
  DiskWorld world(3);
  ASSERT_TRUE(world.run(world.disk().make_directories("/data/t-0")));
  ASSERT_TRUE(world.run(world.disk().make_directories("/data/t-0")));
  world.open("/data/t-0/b");
  world.open("/data/t-0/a");
  world.open("/data/x");
  EXPECT_EQ(world.names("/data"), "t-0/ x ");
  EXPECT_EQ(world.names("/data/t-0"), "a b ");
  EXPECT_EQ(code(world.run(world.disk().remove("/data/t-0"))), IoErrorCode::kExists);
  EXPECT_EQ(code(world.run(world.disk().rename("/data", "/data/t-0/in"))), IoErrorCode::kInvalid);
  ASSERT_TRUE(world.run(world.disk().rename("/data/t-0", "/data/t-1")));
  EXPECT_EQ(world.names("/data/t-1"), "a b ");
  EXPECT_TRUE(world.run(world.disk().info("/data/t-1"))->is_directory);
  ASSERT_TRUE(world.run(world.disk().remove_tree("/data/t-1")));
  EXPECT_EQ(world.names("/data"), "x ");
  EXPECT_EQ(code(world.run(world.disk().remove_tree("/data/t-1"))), IoErrorCode::kNotFound);
}

TEST(SimDisk, AnOpenFileOutlivesItsName) {
  DiskWorld world(4);
  const auto file = world.open("/f");
  ASSERT_TRUE(world.run(world.disk().remove("/f")));
  EXPECT_TRUE(world.write(file, 0, "still here"));
  EXPECT_EQ(world.run(world.disk().size(file)), 10U);
  EXPECT_EQ(world.names("/"), "");
}

TEST(SimDisk, ALockIsHeldOnceAndEndsWithTheProcess) {
  DiskWorld world(5);
  auto lock = world.run(world.disk().lock("/.lock"));
  ASSERT_TRUE(lock);
  EXPECT_EQ(code(world.run(world.disk().lock("/.lock"))), IoErrorCode::kLocked);
  lock->reset();
  auto again = world.run(world.disk().lock("/.lock"));
  ASSERT_TRUE(again);
  world.crash(CrashKind::kProcess);
  auto after = world.run(world.disk().lock("/.lock"));
  ASSERT_TRUE(after);
  again->reset();  // The dead process gives up what it no longer holds.
  EXPECT_EQ(code(world.run(world.disk().lock("/.lock"))), IoErrorCode::kLocked);
}

TEST(SimDisk, AKilledProcessLeavesThePageCache) {
  DiskWorld world(6);
  EXPECT_TRUE(world.write(world.open("/f"), 0, "unsynced"));
  world.crash(CrashKind::kProcess);
  EXPECT_EQ(world.content("/f"), "unsynced");
}

TEST(SimDisk, SyncedFilesInSyncedDirectoriesSurvivePowerLoss) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    ASSERT_TRUE(world.run(world.disk().make_directories("/data")));
    const auto file = world.open("/data/f");
    ASSERT_TRUE(world.write(file, 0, "durable"));
    ASSERT_TRUE(world.sync(file));
    ASSERT_TRUE(world.run(world.disk().sync_directory("/data")));
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    world.open("/data/other");
    world.crash(CrashKind::kPower);
    ASSERT_EQ(world.content("/data/f"), "durable");
  }
}

TEST(SimDisk, AWriteThatIsSyncedTakesWhatWasWrittenBeforeIt) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    const auto file = world.open("/f");
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    ASSERT_TRUE(world.write(file, 0, "before "));
    ASSERT_EQ(world.write_and_sync(file, 7, "durable"), 7U);
    world.crash(CrashKind::kPower);
    ASSERT_EQ(world.content("/f"), "before durable");
  }
}

TEST(SimDisk, ADirectWriteMakesTheRestOfItsLastBlockZeros) {
  DiskWorld world(1);
  const auto file = world.open("/f");
  ASSERT_TRUE(world.write(file, 0, std::string(9'000, 'x')));
  world.disk().write_directly(file);
  ASSERT_EQ(world.write_and_sync(file, 5'000, "abc"), 3U);
  EXPECT_EQ(world.content("/f"),
            std::string(5'000, 'x') + "abc" + std::string(3'189, '\0') + std::string(808, 'x'));
}

// Power goes at any moment of it: all, some or nothing of it is there, and what was synced before.
TEST(SimDisk, AWriteThatIsSyncedPromisesNothingUntilItIsDone) {
  std::set<std::string> contents;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    const auto file = world.open("/f");
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    ASSERT_TRUE(world.write_and_sync(file, 0, "old"));
    {
      rt::Scope scope(world.node().loop(0));
      scope.spawn([](rt::Disk& disk, rt::FileRef into) -> rt::Task<> {
        const base::Bytes bytes = base::as_bytes("new");
        (void)co_await disk.write_and_sync(std::move(into), 0, {&bytes, 1});
        ADD_FAILURE() << "it was to be cut";
      }(world.disk(), file));
      for (std::uint64_t step = 0; step < seed % 2; ++step) world.world().step();
      world.node().crash(CrashKind::kPower);
    }
    world.node().restart();
    contents.insert(world.content("/f").value_or("(gone)"));
  }
  EXPECT_EQ(contents, (std::set<std::string>{"new", "old"}));
}

TEST(SimDisk, ANameThatWasNotSyncedMayBeGoneAndMayBeBack) {
  int created = 0;
  int removed = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    DiskWorld world(seed);
    world.open("/old");
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    const auto file = world.open("/new");
    ASSERT_TRUE(world.sync(file));  // Does not make the name durable.
    ASSERT_TRUE(world.run(world.disk().remove("/old")));
    world.crash(CrashKind::kPower);
    created += world.content("/new").has_value() ? 1 : 0;
    removed += world.content("/old").has_value() ? 0 : 1;
  }
  EXPECT_GT(created, 0);
  EXPECT_LT(created, static_cast<int>(kSeeds));
  EXPECT_GT(removed, 0);
  EXPECT_LT(removed, static_cast<int>(kSeeds));
}

TEST(SimDisk, ARenameIsWholeOrAbsent) {
  int renamed = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    for (const char* path : {"/a", "/b"}) {
      const auto file = world.open(path);
      ASSERT_TRUE(world.write(file, 0, path));
      ASSERT_TRUE(world.sync(file));
    }
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    ASSERT_TRUE(world.run(world.disk().rename("/a", "/b")));
    world.crash(CrashKind::kPower);
    const bool moved = world.names("/") == "b ";
    if (!moved) ASSERT_EQ(world.names("/"), "a b ");
    ASSERT_EQ(world.content("/b"), moved ? "/a" : "/b");
    renamed += moved ? 1 : 0;
  }
  EXPECT_GT(renamed, 0);
  EXPECT_LT(renamed, static_cast<int>(kSeeds));
}

TEST(SimDisk, ANameNeverTakesALaterChangeWithoutTheEarlierOnes) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    world.open("/a");
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    ASSERT_TRUE(world.run(world.disk().rename("/a", "/b")));
    ASSERT_TRUE(world.run(world.disk().rename("/b", "/c")));
    world.crash(CrashKind::kPower);
    seen.insert(world.names("/"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"a ", "b ", "c "}));
}

TEST(SimDisk, ADirectorySyncTakesItsOldEntriesAndLeavesLaterAndOtherOnes) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    ASSERT_TRUE(world.run(world.disk().make_directories("/d")));
    ASSERT_TRUE(world.run(world.disk().sync_directory("/")));
    world.open("/d/old");
    world.open("/other");
    rt::Scope scope(world.node().loop(0));
    bool synced = false;
    scope.spawn([](rt::Disk& disk, bool& done) -> rt::Task<> {
      EXPECT_TRUE(co_await disk.sync_directory("/d"));
      done = true;
    }(world.disk(), synced));
    ASSERT_TRUE(world.world().step());  // The sync has begun.
    scope.spawn([](rt::Disk& disk) -> rt::Task<> {
      EXPECT_TRUE(co_await disk.open("/d/late", rt::OpenMode::kCreate));
    }(world.disk()));
    ASSERT_TRUE(world.world().run_until_idle(std::chrono::seconds(1)));
    ASSERT_TRUE(synced);
    world.crash(CrashKind::kPower);
    seen.insert(world.names("/d") + "| " + world.names("/"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"old | d/ ", "old | d/ other ", "late old | d/ ",
                                         "late old | d/ other "}));
}

TEST(SimDisk, AtomicReplacementLeavesOldOrNewContent) {
  int replaced = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed);
    const auto old_text = base::SharedBytes::copy_of(std::string_view("old content"));
    const auto new_text = base::SharedBytes::copy_of(std::string(2'000, 'n'));
    ASSERT_TRUE(world.run(rt::write_file_atomically(world.disk(), "/f", old_text)));
    rt::Scope scope(world.node().loop(0));
    scope.spawn([](rt::Disk& disk, base::SharedBytes text) -> rt::Task<> {
      EXPECT_TRUE(co_await rt::write_file_atomically(disk, "/f", std::move(text)));
    }(world.disk(), new_text));
    world.world().run_for(std::chrono::microseconds(world.world().rng().below(4'000)));
    world.crash(CrashKind::kPower);
    const auto content = world.content("/f");
    ASSERT_TRUE(content == old_text.text() || content == new_text.text());
    replaced += content == new_text.text() ? 1 : 0;
  }
  EXPECT_GT(replaced, 0);
  EXPECT_LT(replaced, static_cast<int>(kSeeds));
}

TEST(SimDisk, AWriteCutByACrashIsWholeAbsentOrCutAtASector) {
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    DiskWorld world(seed, {.immediate_percent = 0});
    const auto file = world.open("/f");
    std::string text(2'000, 'x');
    {
      rt::Scope scope(world.node().loop(0));
      std::string order;
      scope.spawn([](rt::Disk& disk, rt::FileRef into, const std::string& bytes) -> rt::Task<> {
        EXPECT_TRUE(co_await disk.write_at(std::move(into), 0, base::as_bytes(bytes)));
      }(world.disk(), file, text));
      world.world().step();
      world.node().crash(CrashKind::kProcess);
    }
    world.node().restart();
    const auto content = world.content("/f");
    ASSERT_TRUE(content.has_value());
    ASSERT_EQ(*content, text.substr(0, content->size()));
    ASSERT_TRUE(content->size() == 2'000 || content->size() % 512 == 0);
    sizes.insert(content->size());
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{0, 512, 1'024, 1'536, 2'000}));
}

TEST(SimDisk, AFullDiskRefusesGrowthAndServesTheRest) {
  DiskWorld world(7, {.capacity_bytes = 16 << 10});
  const auto reserved = world.open("/reserved");
  ASSERT_TRUE(world.run(world.disk().preallocate(reserved, 0, 8 << 10, true)));
  EXPECT_EQ(world.run(world.disk().size(reserved)), 0U);
  const auto file = world.open("/f");
  ASSERT_TRUE(world.write(file, 0, std::string(8 << 10, 'x')));
  EXPECT_EQ(world.run(world.disk().space("/"))->free_bytes, 0U);
  EXPECT_EQ(code(world.write(file, 8 << 10, "y")), IoErrorCode::kNoSpace);
  EXPECT_TRUE(world.write(file, 0, "y"));
  EXPECT_TRUE(world.write(reserved, 0, std::string(8 << 10, 'z')));
  EXPECT_EQ(code(world.run(world.disk().preallocate(reserved, 0, 9 << 10, false))),
            IoErrorCode::kNoSpace);
  ASSERT_TRUE(world.run(world.disk().remove("/reserved")));
  EXPECT_TRUE(world.write(file, 8 << 10, "y"));
}

TEST(SimDisk, FaultsAreReportedAndOffByDefault) {
  DiskWorld world(8);
  const auto file = world.open("/f");
  world.node().disk_faults() = {
      .read_errors = 1'000'000, .write_errors = 1'000'000, .sync_errors = 1'000'000};
  EXPECT_EQ(code(world.write(file, 0, "x")), IoErrorCode::kFailed);
  EXPECT_EQ(code(world.sync(file)), IoErrorCode::kFailed);
  EXPECT_EQ(code(world.write_and_sync(file, 0, "x")), IoErrorCode::kFailed);
  EXPECT_EQ(code(world.run(world.disk().sync_directory("/"))), IoErrorCode::kFailed);
  world.node().disk_faults() = {.sync_errors = 1'000'000};
  EXPECT_EQ(code(world.write_and_sync(file, 0, "x")), IoErrorCode::kFailed);
  EXPECT_EQ(world.content("/f"), "x");
  world.node().disk_faults() = {};
  EXPECT_TRUE(world.write(file, 0, "x"));
  EXPECT_TRUE(world.sync(file));
}

}  // namespace
}  // namespace moldau::sim
