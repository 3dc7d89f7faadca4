// Files of the real runtime, through both backends.
#include "rt/disk.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "io/internal/descriptor.h"
#include "io/internal/event_loop.h"
#include "io/internal/shared.h"
#include "io/internal/testing.h"
#include "io/runtime.h"
#include "rt/call.h"
#include "rt/scope.h"

namespace moldau::io {
namespace {

using internal::make_runtime;
using internal::TemporaryFolder;

std::vector<std::byte> pattern(std::size_t size, std::size_t seed = 0) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(((i + seed) * 31) ^ ((i + seed) >> 8));
  }
  return bytes;
}

class DiskBackends : public testing::TestWithParam<DiskBackend> {
 protected:
  void SetUp() override {
    const auto probe =
        Runtime::create({.cores = 1, .disk = GetParam(), .log_level = base::LogLevel::kWarn});
    if (!probe) GTEST_SKIP() << "refused by this kernel: " << probe.error().to_string();
  }
  void run(std::size_t cores, rt::Task<> (*body)(Runtime&, std::string folder)) {
    const auto runtime = make_runtime(cores, GetParam());
    EXPECT_EQ(runtime->run(internal::as_main(body(*runtime, folder_.path()))), 0);
  }

 private:
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Backend, DiskBackends,
                         testing::Values(DiskBackend::kUring, DiskBackend::kWorkers),
                         [](const auto& info) { return std::string(to_string(info.param)); });

rt::Task<rt::FileRef> open(rt::Loop& loop, std::string path,
                           rt::OpenMode mode = rt::OpenMode::kCreate) {
  auto file = co_await loop.disk().open(std::move(path), mode);
  EXPECT_TRUE(file.has_value());
  co_return file ? *file : nullptr;
}

template <class T>
void expect_error(const rt::IoResult<T>& result, rt::IoErrorCode code) {
  EXPECT_FALSE(result.has_value());
  if (!result) EXPECT_EQ(result.error().code, code) << result.error().to_string();
}

rt::Task<> write_and_read(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  rt::Disk& disk = loop.disk();
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  EXPECT_EQ(file->path(), folder + "/f");
  const std::vector<std::byte> bytes = pattern(3 << 20);
  EXPECT_EQ((co_await disk.write_at(file, 100, bytes)).value_or(0), bytes.size());
  EXPECT_TRUE((co_await disk.sync(file)).has_value());
  EXPECT_EQ((co_await disk.size(file)).value_or(0), bytes.size() + 100);
  for (const std::size_t size : {1UZ, 4096UZ, 1UZ << 20, 3UZ << 20}) {
    std::vector<std::byte> into(size);
    EXPECT_EQ((co_await disk.read_at(file, 100, into)).value_or(0), size);
    EXPECT_TRUE(std::ranges::equal(into, base::Bytes(bytes).first(size)));
  }
  std::vector<std::byte> hole(100, std::byte{1});
  EXPECT_EQ((co_await disk.read_at(file, 0, hole)).value_or(0), hole.size());
  EXPECT_EQ(hole, std::vector<std::byte>(100));
  std::vector<std::byte> last(50);
  EXPECT_EQ((co_await disk.read_at(file, bytes.size() + 90, last)).value_or(0), 10U);
  EXPECT_EQ((co_await disk.read_at(file, bytes.size() + 100, last)).value_or(1), 0U);
  EXPECT_EQ((co_await disk.write_at(file, 0, base::Bytes{})).value_or(1), 0U);
}
TEST_P(DiskBackends, WhatIsWrittenIsRead) { run(1, write_and_read); }

rt::Task<> gather(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  const std::vector<std::byte> all = pattern(3000 * 5);
  std::vector<base::Bytes> slices;
  for (std::size_t i = 0; i < 3000; ++i) {
    slices.push_back(base::Bytes(all).subspan(i * 5, 5));
    if (i % 700 == 0) slices.emplace_back();
  }
  EXPECT_EQ((co_await loop.disk().write_at(file, 7, slices)).value_or(0), all.size());
  std::vector<std::byte> into(all.size());
  EXPECT_EQ((co_await loop.disk().read_at(file, 7, into)).value_or(0), all.size());
  EXPECT_TRUE(into == all);
}
TEST_P(DiskBackends, ManySlicesAreOneWrite) { run(1, gather); }

// In order, at any length; and once where something else stands already.
rt::Task<> write_directly(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  rt::Disk& disk = loop.disk();
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  std::vector<std::byte> expected = pattern(30'000, 7);
  const base::Bytes old = expected;
  EXPECT_TRUE((co_await disk.write_at(file, 0, old)).has_value());
  disk.write_directly(file);
  std::uint64_t position = 10'001;
  constexpr std::array<std::size_t, 8> kSizes{1, 4'094, 4'096, 100, 300'000, 0, 9'437'184, 5};
  for (const std::size_t size : kSizes) {
    const std::vector<std::byte> bytes = pattern(size, position);
    const base::Bytes all = bytes;
    const std::array<base::Bytes, 3> slices{all.first(size / 3), all.subspan(size / 3), {}};
    EXPECT_EQ((co_await disk.write_and_sync(file, position, slices)).value_or(SIZE_MAX), size);
    expected.resize(std::max<std::size_t>(expected.size(), position + size));
    std::ranges::copy(bytes, expected.data() + position);
    position += size;
  }
  std::vector<std::byte> into(position);
  EXPECT_EQ((co_await disk.read_at(file, 0, into)).value_or(0), position);
  EXPECT_TRUE(std::ranges::equal(into, base::Bytes(expected).first(position)));

  const base::Bytes early = base::as_bytes("early");
  EXPECT_EQ((co_await disk.write_and_sync(file, 77, {&early, 1})).value_or(0), early.size());
  into.resize(82);
  EXPECT_EQ((co_await disk.read_at(file, 0, into)).value_or(0), 82U);
  EXPECT_TRUE(std::ranges::equal(base::Bytes(into).first(77), base::Bytes(expected).first(77)));
  EXPECT_TRUE(std::ranges::equal(base::Bytes(into).last(5), early));
}
TEST_P(DiskBackends, DirectWritesAreReadLikeOthers) { run(1, write_directly); }

// More of them at once than there are threads, so that some wait for others.
rt::Task<> write_and_sync(Runtime& runtime, std::string folder) {
  constexpr std::size_t kFiles = 40;
  rt::Loop& loop = runtime.loop(0);
  std::deque<std::vector<std::byte>> contents;
  rt::Scope scope(loop);
  for (std::size_t i = 0; i < kFiles; ++i) {
    contents.push_back(pattern(20'000 + i, i));
    const rt::FileRef file = co_await open(loop, folder + "/" + std::to_string(i));
    CO_ASSERT(file != nullptr);
    scope.spawn([](rt::Loop& l, rt::FileRef f, base::Bytes all) -> rt::Task<> {
      const std::array<base::Bytes, 2> slices{all.first(9'000), all.subspan(9'000)};
      const auto written = co_await l.disk().write_and_sync(f, 3, slices);
      EXPECT_EQ(written.value_or(0), all.size());
      std::vector<std::byte> into(all.size());
      EXPECT_EQ((co_await l.disk().read_at(f, 3, into)).value_or(0), all.size());
      EXPECT_TRUE(std::ranges::equal(into, all));
    }(loop, file, contents.back()));
  }
  co_await scope.join();
  const rt::FileRef read_only = co_await open(loop, folder + "/0", rt::OpenMode::kRead);
  CO_ASSERT(read_only != nullptr);
  const base::Bytes bytes = contents[0];
  const auto refused = co_await loop.disk().write_and_sync(read_only, 0, {&bytes, 1});
  EXPECT_FALSE(refused.has_value());
}
TEST_P(DiskBackends, AWriteAndItsSyncAreOneTrip) { run(1, write_and_sync); }

// The kernel is asked to forget the pages, so that the reads have to go to the disk.
rt::Task<> read_cold(Runtime& runtime, std::string folder) {
  constexpr std::size_t kSize = 4 << 20;
  rt::Loop& loop = runtime.loop(0);
  const std::string path = folder + "/f";
  const std::vector<std::byte> all = pattern(kSize);
  rt::FileRef file = co_await open(loop, path);
  CO_ASSERT(file != nullptr);
  EXPECT_TRUE((co_await loop.disk().write_at(file, 0, all)).has_value());
  EXPECT_TRUE((co_await loop.disk().sync(file)).has_value());
  const internal::Descriptor other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::posix_fadvise(other.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  rt::Scope scope(loop);
  std::vector<std::byte> into(kSize);
  for (std::size_t at = 0; at < kSize; at += 64 << 10) {
    scope.spawn(
        [](rt::Loop& l, rt::FileRef f, std::size_t from, base::MutableBytes part) -> rt::Task<> {
          EXPECT_EQ((co_await l.disk().read_at(f, from, part)).value_or(0), part.size());
        }(loop, file, at, base::MutableBytes(into).subspan(at, 64 << 10)));
  }
  co_await scope.join();
  EXPECT_TRUE(into == all);
  EXPECT_EQ(loop.stats().disk_in_flight, 0U);
}
TEST_P(DiskBackends, ReadsThatAreNotCachedComeFromTheDisk) { run(1, read_cold); }

rt::Task<> forget_some(Runtime& runtime, std::string folder) {
  constexpr std::size_t kSize = 1 << 20;
  rt::Loop& loop = runtime.loop(0);
  const std::vector<std::byte> all = pattern(kSize);
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  EXPECT_TRUE((co_await loop.disk().write_at(file, 0, all)).has_value());
  co_await loop.disk().forget(file, 0, kSize / 2);  // not on the disk yet: nothing may be lost
  EXPECT_TRUE((co_await loop.disk().sync(file)).has_value());
  co_await loop.disk().forget(file, 0, kSize);
  std::vector<std::byte> into(kSize);
  EXPECT_EQ((co_await loop.disk().read_at(file, 0, into)).value_or(0), kSize);
  EXPECT_TRUE(into == all);
}
TEST_P(DiskBackends, WhatIsForgottenCanStillBeRead) { run(1, forget_some); }

// The system's own broken files: a full device, and one that cannot be synced.
rt::Task<> failures(Runtime& runtime, std::string) {
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef full = co_await open(loop, "/dev/full", rt::OpenMode::kReadWrite);
  CO_ASSERT(full != nullptr);
  expect_error(co_await loop.disk().write_at(full, 0, base::as_bytes("x")),
               rt::IoErrorCode::kNoSpace);
  // One alone and many at once take different ways.
  expect_error(co_await loop.disk().sync(full), rt::IoErrorCode::kInvalid);
  rt::Scope scope(loop);
  for (int i = 0; i < 10; ++i) {
    scope.spawn([](rt::Loop& l, rt::FileRef file) -> rt::Task<> {
      expect_error(co_await l.disk().sync(file), rt::IoErrorCode::kInvalid);
    }(loop, full));
  }
  co_await scope.join();
  const rt::FileRef folder = co_await open(loop, "/", rt::OpenMode::kRead);
  CO_ASSERT(folder != nullptr);
  std::vector<std::byte> into(10);
  EXPECT_FALSE((co_await loop.disk().read_at(folder, 0, into)).has_value());
}
TEST_P(DiskBackends, FailuresComeBackAsErrors) { run(1, failures); }

rt::Task<> write_block(rt::Loop& loop, rt::FileRef file, std::size_t block) {
  const std::vector<std::byte> bytes = pattern(1000, block);
  EXPECT_EQ((co_await loop.disk().write_at(file, block * 1000, bytes)).value_or(0), 1000U);
  if (block % 50 == 0) EXPECT_TRUE((co_await loop.disk().sync(file)).has_value());
}
rt::Task<> write_blocks(rt::Loop& loop, rt::FileRef file, std::size_t first) {
  rt::Scope scope(loop);
  for (std::size_t i = 0; i < 1000; ++i) scope.spawn(write_block(loop, file, first + i));
  co_await scope.join();
}
rt::Task<> many_at_once(Runtime& runtime, std::string folder) {
  rt::Loop& here = runtime.loop(0);
  const rt::FileRef file = co_await open(here, folder + "/f");
  CO_ASSERT(file != nullptr);
  rt::Scope scope(here);
  // One file through several loops.
  for (std::size_t i = 0; i < runtime.loops().size(); ++i) {
    rt::Loop& to = runtime.loop(i);
    scope.spawn(rt::call(here, to, write_blocks(to, file, i * 1000)));
  }
  co_await scope.join();
  for (std::size_t block = 0; block < runtime.loops().size() * 1000; block += 13) {
    std::vector<std::byte> into(1000);
    EXPECT_EQ((co_await here.disk().read_at(file, block * 1000, into)).value_or(0), 1000U);
    EXPECT_TRUE(into == pattern(1000, block)) << block;
  }
}
TEST_P(DiskBackends, ManyOperationsOfManyLoops) { run(2, many_at_once); }

rt::Task<> sync_many(Runtime& runtime, std::string folder) {
  constexpr int kFiles = 100;  // more than the ring holds
  rt::Loop& loop = runtime.loop(0);
  rt::Scope scope(loop);
  int synced = 0;
  for (int i = 0; i < kFiles; ++i) {
    scope.spawn([](rt::Loop& l, std::string path, int& count) -> rt::Task<> {
      const rt::FileRef file = co_await open(l, std::move(path));
      CO_ASSERT(file != nullptr);
      EXPECT_TRUE((co_await l.disk().write_at(file, 0, base::as_bytes("x"))).has_value());
      EXPECT_EQ((co_await l.disk().sync(file)).value_or(1), 0U);
      ++count;
    }(loop, folder + "/f" + std::to_string(i), synced));
  }
  co_await scope.join();
  EXPECT_EQ(synced, kFiles);
  EXPECT_TRUE((co_await loop.disk().sync_directory(folder)).has_value());
  EXPECT_GE(loop.stats().disk_operations, 2U * kFiles);
}
TEST_P(DiskBackends, ManyFilesAreSyncedAtOnce) { run(1, sync_many); }

rt::Task<> open_modes(Runtime& runtime, std::string folder) {
  rt::Disk& disk = runtime.loop(0).disk();
  const std::string path = folder + "/f";
  expect_error(co_await disk.open(path, rt::OpenMode::kRead), rt::IoErrorCode::kNotFound);
  expect_error(co_await disk.open(path, rt::OpenMode::kReadWrite), rt::IoErrorCode::kNotFound);
  const auto created = co_await disk.open(path, rt::OpenMode::kCreateNew);
  CO_ASSERT(created.has_value());
  EXPECT_TRUE((co_await disk.write_at(*created, 0, base::as_bytes("abc"))).has_value());
  expect_error(co_await disk.open(path, rt::OpenMode::kCreateNew), rt::IoErrorCode::kExists);
  const auto kept = co_await disk.open(path, rt::OpenMode::kCreate);
  CO_ASSERT(kept.has_value());
  EXPECT_EQ((co_await disk.size(*kept)).value_or(0), 3U);
  const auto readable = co_await disk.open(path, rt::OpenMode::kRead);
  CO_ASSERT(readable.has_value());
  EXPECT_FALSE((co_await disk.write_at(*readable, 0, base::as_bytes("x"))).has_value());
  const auto emptied = co_await disk.open(path, rt::OpenMode::kCreateTruncate);
  CO_ASSERT(emptied.has_value());
  EXPECT_EQ((co_await disk.size(*kept)).value_or(1), 0U);
  expect_error(co_await disk.open(path + "/below", rt::OpenMode::kRead),
               rt::IoErrorCode::kNotDirectory);
}
TEST_P(DiskBackends, OpensAsAsked) { run(1, open_modes); }

rt::Task<> sizes(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  rt::Disk& disk = loop.disk();
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  EXPECT_TRUE((co_await disk.preallocate(file, 0, 1 << 20, true)).has_value());
  EXPECT_EQ((co_await disk.size(file)).value_or(1), 0U);
  EXPECT_TRUE((co_await disk.preallocate(file, 0, 1 << 20, false)).has_value());
  EXPECT_EQ((co_await disk.size(file)).value_or(1), 1U << 20);
  EXPECT_TRUE((co_await disk.truncate(file, 10)).has_value());
  EXPECT_EQ((co_await disk.size(file)).value_or(1), 10U);
  const auto info = co_await disk.info(folder + "/f");
  CO_ASSERT(info.has_value());
  EXPECT_EQ(info->size, 10U);
  EXPECT_FALSE(info->is_directory);
  EXPECT_LE(std::abs(info->modified.value() - loop.wall_now().value()), 60'000);
  const auto space = co_await disk.space(folder);
  CO_ASSERT(space.has_value());
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->free_bytes, space->total_bytes);
}
TEST_P(DiskBackends, PreallocatesAndTruncates) { run(1, sizes); }

rt::Task<> names(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  rt::Disk& disk = loop.disk();
  const std::string deep = folder + "/a/b/c";
  EXPECT_TRUE((co_await disk.make_directories(deep)).has_value());
  EXPECT_TRUE((co_await disk.make_directories(deep)).has_value());
  EXPECT_TRUE((co_await disk.info(deep)).value_or(rt::FileInfo{}).is_directory);
  (co_await open(loop, deep + "/2")).reset();
  (co_await open(loop, deep + "/1")).reset();
  EXPECT_TRUE((co_await disk.make_directories(deep + "/0")).has_value());
  const auto entries = co_await disk.list(deep);
  CO_ASSERT(entries.has_value());
  EXPECT_EQ(entries->size(), 3U);
  EXPECT_EQ(entries->at(0).name, "0");
  EXPECT_TRUE(entries->at(0).is_directory);
  EXPECT_EQ(entries->at(2).name, "2");
  EXPECT_FALSE(entries->at(2).is_directory);

  EXPECT_TRUE((co_await disk.rename(deep + "/1", deep + "/2")).has_value());
  expect_error(co_await disk.rename(deep + "/1", deep + "/2"), rt::IoErrorCode::kNotFound);
  EXPECT_TRUE((co_await disk.rename(deep, folder + "/moved")).has_value());
  EXPECT_TRUE((co_await disk.remove(folder + "/moved/2")).has_value());
  expect_error(co_await disk.remove(folder + "/moved/2"), rt::IoErrorCode::kNotFound);
  expect_error(co_await disk.list(folder + "/none"), rt::IoErrorCode::kNotFound);
  expect_error(co_await disk.info(folder + "/none"), rt::IoErrorCode::kNotFound);
  expect_error(co_await disk.sync_directory(folder + "/none"), rt::IoErrorCode::kNotFound);
  EXPECT_TRUE((co_await disk.remove_tree(folder + "/a")).has_value());
  expect_error(co_await disk.remove_tree(folder + "/a"), rt::IoErrorCode::kNotFound);
  (co_await open(loop, folder + "/file")).reset();
  expect_error(co_await disk.make_directories(folder + "/file/x"), rt::IoErrorCode::kNotDirectory);
}
TEST_P(DiskBackends, KeepsNames) { run(1, names); }

rt::Task<> whole_files(Runtime& runtime, std::string folder) {
  rt::Disk& disk = runtime.loop(0).disk();
  const std::string path = folder + "/f";
  for (const std::string_view text : {"first", "", "second, longer"}) {
    const auto written =
        co_await rt::write_file_atomically(disk, path, base::SharedBytes::copy_of(text));
    EXPECT_TRUE(written.has_value());
    const auto read = co_await rt::read_file(disk, path);
    CO_ASSERT(read.has_value());
    EXPECT_EQ(read->text(), text);
  }
}
TEST_P(DiskBackends, ReplacesWholeFiles) { run(1, whole_files); }

// Asks from another process, since POSIX locks do not exclude within one.
bool another_process_can_lock(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    ::_exit(::fcntl(descriptor, F_SETLK, &whole) == 0 ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status) == 1;
}

rt::Task<> locks(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  rt::Disk& disk = loop.disk();
  const std::string path = folder + "/.lock";
  auto held = co_await disk.lock(path);
  CO_ASSERT(held.has_value());
  EXPECT_FALSE(another_process_can_lock(path));
  expect_error(co_await disk.lock(path), rt::IoErrorCode::kLocked);
  expect_error(
      co_await disk.lock(folder + "/../" + folder.substr(folder.rfind('/') + 1) + "/.lock"),
      rt::IoErrorCode::kLocked);
  // Closing another descriptor of the file would drop the lock; the close is put off.
  (co_await open(loop, path)).reset();
  // Closing runs where trees are removed.
  std::ignore = co_await disk.remove_tree(folder + "/missing");
  EXPECT_FALSE(another_process_can_lock(path));
  held->reset();
  EXPECT_TRUE(another_process_can_lock(path));
  EXPECT_TRUE((co_await disk.lock(path)).has_value());
}
TEST_P(DiskBackends, LocksExclude) { run(1, locks); }

// Keeps all threads of a pool busy, with more behind them, until it is let go.
class Occupied {
 public:
  Occupied(internal::ThreadPool& pool, std::size_t tasks) : left_(tasks) {
    for (std::size_t i = 0; i < tasks; ++i) pool.submit(tasks_.emplace_back(*this));
  }
  ~Occupied() {
    go_ = true;
    go_.notify_all();
    for (std::size_t left = left_; left > 0; left = left_) left_.wait(left);
  }

 private:
  struct Task : internal::PoolTask {
    explicit Task(Occupied& o)
        : PoolTask([](PoolTask& task) {
            Occupied& owner = *static_cast<Task&>(task).occupied;
            owner.go_.wait(false);
            owner.left_.fetch_sub(1);
            owner.left_.notify_one();
          }),
          occupied(&o) {}
    Occupied* occupied;
  };

  std::atomic<bool> go_ = false;
  std::atomic<std::size_t> left_;
  std::deque<Task> tasks_;
};

internal::Shared& shared_of(Runtime& runtime) {
  return static_cast<internal::EventLoop&>(runtime.loop(0)).shared();
}

// Acknowledgements wait for syncs; a deleted topic's files used to be unlinked before them.
rt::Task<> sync_beside_bulk(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  const Occupied bulk(shared_of(runtime).bulk, 64);
  std::vector<std::byte> bytes = pattern(100);
  EXPECT_TRUE((co_await loop.disk().write_at(file, 0, bytes)).has_value());
  rt::Scope scope(loop);
  for (int i = 0; i < 5; ++i) {
    scope.spawn([](rt::Loop& l, rt::FileRef f) -> rt::Task<> {
      EXPECT_TRUE((co_await l.disk().sync(f)).has_value());
    }(loop, file));
  }
  co_await scope.join();
  EXPECT_TRUE((co_await loop.disk().list(folder)).has_value());
}
TEST_P(DiskBackends, SyncsDoNotQueueBehindBulkCalls) { run(1, sync_beside_bulk); }

rt::Task<> write_beside_syncs(Runtime& runtime, std::string folder) {
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef file = co_await open(loop, folder + "/f");
  CO_ASSERT(file != nullptr);
  rt::Scope scope(loop);
  {
    const Occupied syncs(shared_of(runtime).syncs, 16);
    for (int i = 0; i < 200; ++i) {
      scope.spawn([](rt::Loop& l, rt::FileRef f) -> rt::Task<> {
        EXPECT_TRUE((co_await l.disk().sync(f)).has_value());
      }(loop, file));
    }
    std::vector<std::byte> bytes = pattern(100);
    EXPECT_TRUE((co_await loop.disk().write_at(file, 0, bytes)).has_value());
    EXPECT_EQ(loop.stats().disk_in_flight, 200U);
  }
  co_await scope.join();
}
TEST_P(DiskBackends, WritesDoNotQueueBehindSyncs) { run(1, write_beside_syncs); }

}  // namespace
}  // namespace moldau::io
