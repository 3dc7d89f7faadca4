// A ring that the kernel refuses for a while, or for good.
#include "io/internal/ring.h"

#include <atomic>
#include <cerrno>
#include <memory>

#include <gtest/gtest.h>

#include "io/internal/event_loop.h"
#include "io/internal/loop_disk.h"
#include "io/internal/testing.h"
#include "rt/disk.h"

namespace moldau::io::internal {
namespace {

int refusals = 0;
int refusal = 0;

int refuse(io_uring* ring) {
  if (refusals == 0) return ::io_uring_submit(ring);
  --refusals;
  return refusal;
}

// Syncs a file while the kernel answers the next `times` submits with the error.
void sync_while_refused(int error, int times, bool gives_up) {
  auto runtime = Runtime::create(
      {.cores = 1, .disk = DiskBackend::kUring, .log_level = base::LogLevel::kError});
  if (!runtime) GTEST_SKIP() << "no io_uring here: " << runtime.error().to_string();
  const TemporaryFolder folder;
  refusals = times;
  refusal = error;
  const auto body = [](Runtime& here, std::string path, bool expected) -> rt::Task<int> {
    rt::Loop& loop = here.loop(0);
    auto& ring = static_cast<LoopDisk&>(loop.disk()).ring();
    ring.set_submit(&refuse);
    const auto file = co_await loop.disk().open(path, rt::OpenMode::kCreate);
    EXPECT_TRUE(file.has_value());
    if (!file) co_return 1;
    for (int i = 0; i < 3; ++i) {
      const auto synced = co_await loop.disk().sync(*file);
      EXPECT_TRUE(synced.has_value());
    }
    EXPECT_EQ(ring.gave_up(), expected);
    co_return 0;
  };
  EXPECT_EQ((*runtime)->run(body(**runtime, folder.file("f"), gives_up)), 0);
}

constexpr int kAlways = 1'000'000;

// The loop used to spin on EAGAIN and to abort on anything else; entries that one call had left in
// the queue waited for the next operation.
TEST(Ring, AsksAgainWhenTheKernelIsShortOfMemory) {
  sync_while_refused(-EAGAIN, 3, false);
  sync_while_refused(-ENOMEM, 1, false);
  sync_while_refused(-EBUSY, 1, false);
  sync_while_refused(-EINTR, 2, false);
  sync_while_refused(0, 2, false);
}

TEST(Ring, LeavesItsOperationsToThreadsWhenItIsRefusedForGood) {
  sync_while_refused(-EAGAIN, kAlways, true);
  sync_while_refused(-EBADF, kAlways, true);
  sync_while_refused(-EPERM, 1, true);
}

}  // namespace
}  // namespace moldau::io::internal
