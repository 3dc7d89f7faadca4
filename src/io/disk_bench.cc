// io_disk_bench [FOLDER [uring|workers [single|journal|each|stream|cold]]]: what writes, syncs and
// reads cost through rt::Disk, with both backends. A round is what group commit does: write to each
// of N files, then make all durable. Writes about 6 GB into the folder (default: here) and removes
// it.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <string>
#include <vector>

#include "io/internal/bench.h"
#include "io/internal/descriptor.h"
#include "io/runtime.h"
#include "rt/disk.h"
#include "rt/scope.h"

namespace moldau::io {
namespace {

using internal::Measured;

constexpr std::size_t kJournalBytes = 64 << 20;

rt::Task<rt::FileRef> open(rt::Loop& loop, std::string path) {
  auto file = co_await loop.disk().open(std::move(path), rt::OpenMode::kCreateTruncate);
  co_return file ? *file : nullptr;
}

rt::Task<> write_to(rt::Loop& loop, rt::FileRef file, std::uint64_t at, base::Bytes bytes) {
  if (!co_await loop.disk().write_at(std::move(file), at, bytes)) std::abort();
}
rt::Task<> sync_of(rt::Loop& loop, rt::FileRef file) {
  if (!co_await loop.disk().sync(std::move(file))) std::abort();
}

struct Round {
  std::size_t files;
  std::size_t bytes;
  int rounds;
  bool journal;  // one sync of a pre-written journal instead of one of each file
};

rt::Task<> prepare_journal(rt::Loop& loop, rt::FileRef journal) {
  const std::vector<std::byte> zeros(1 << 20);
  for (std::size_t at = 0; at < kJournalBytes; at += zeros.size()) {
    co_await write_to(loop, journal, at, zeros);
  }
  co_await sync_of(loop, journal);
}

rt::Task<> bench_rounds(Runtime& runtime, std::string folder, Round round) {
  rt::Loop& loop = runtime.loop(0);
  std::vector<rt::FileRef> files;
  for (std::size_t i = 0; i < round.files; ++i) {
    files.push_back(co_await open(loop, folder + "/f" + std::to_string(i)));
  }
  const rt::FileRef journal = co_await open(loop, folder + "/journal");
  const std::size_t entry = round.files * round.bytes;
  if (round.journal) co_await prepare_journal(loop, journal);
  const std::vector<std::byte> bytes(round.bytes, std::byte{7});
  const std::vector<base::Bytes> gathered(round.files, base::Bytes(bytes));
  std::uint64_t journal_at = 0;
  Measured measured;
  measured.start();
  for (int i = 0; i < round.rounds; ++i) {
    const base::Instant start = internal::monotonic_now();
    rt::Scope scope(loop);
    const auto at = static_cast<std::uint64_t>(i) * round.bytes;
    for (const auto& file : files) scope.spawn(write_to(loop, file, at, bytes));
    if (round.journal) {
      if (journal_at + entry > kJournalBytes) journal_at = 0;
      if (!co_await loop.disk().write_at(journal, journal_at, gathered)) std::abort();
      journal_at += entry;
      co_await scope.join();
      co_await sync_of(loop, journal);
    } else {
      co_await scope.join();
      for (const auto& file : files) scope.spawn(sync_of(loop, file));
      co_await scope.join();
    }
    measured.add(internal::monotonic_now() - start);
  }
  measured.print(std::to_string(round.files) + " x " + std::to_string(round.bytes) + " B" +
                     (round.journal ? ", one journal sync" : ", each synced"),
                 static_cast<std::size_t>(round.rounds));
}

rt::Task<> bench_single(Runtime& runtime, std::string folder) {
  constexpr int kCount = 20'000;
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef file = co_await open(loop, folder + "/single");
  std::vector<std::byte> bytes(4096, std::byte{7});
  Measured measured;
  measured.start();
  for (int i = 0; i < kCount; ++i) {
    const base::Instant start = internal::monotonic_now();
    co_await write_to(loop, file, static_cast<std::uint64_t>(i) * bytes.size(), bytes);
    measured.add(internal::monotonic_now() - start);
  }
  measured.print("4 KiB write, one at a time", kCount);
  measured.start();
  for (int i = 0; i < kCount; ++i) {
    const base::Instant start = internal::monotonic_now();
    if (!co_await loop.disk().read_at(file, static_cast<std::uint64_t>(i) * 4096, bytes)) break;
    measured.add(internal::monotonic_now() - start);
  }
  measured.print("4 KiB read, cached", kCount);
}

// One stream of large writes; `behind` bytes after the writer the pages are given back, if at all.
rt::Task<> bench_stream(Runtime& runtime, std::string folder, std::size_t behind) {
  constexpr std::size_t kBytes = 1 << 30;
  constexpr std::size_t kStep = 8 << 20;
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef file = co_await open(loop, folder + "/stream" + std::to_string(behind));
  const std::vector<std::byte> bytes(1 << 20, std::byte{7});
  Measured measured;
  measured.start();
  for (std::size_t at = 0; at < kBytes; at += bytes.size()) {
    const base::Instant start = internal::monotonic_now();
    co_await write_to(loop, file, at, bytes);
    measured.add(internal::monotonic_now() - start);
    if (behind == 0 || at % kStep != 0) continue;
    co_await sync_of(loop, file);
    if (at > behind) co_await loop.disk().forget(file, at - behind - kStep, kStep);
  }
  measured.print(
      behind == 0 ? std::string("1 MiB writes")
                  : "1 MiB writes, pages given back after " + std::to_string(behind >> 20) + " MiB",
      kBytes / bytes.size());
}

constexpr std::size_t kColdBytes = 512 << 20;

rt::Task<> read_part(rt::Loop& loop, rt::FileRef file, std::size_t first, std::size_t step,
                     std::size_t size, Measured& measured) {
  std::vector<std::byte> into(size);
  for (std::size_t at = first; at + size <= kColdBytes; at += step) {
    const base::Instant start = internal::monotonic_now();
    if (!co_await loop.disk().read_at(file, at, into)) std::abort();
    measured.add(internal::monotonic_now() - start);
  }
}

// Readers that are behind: each reads its own stretch, and nothing is in the page cache.
rt::Task<> bench_cold(Runtime& runtime, std::string folder, std::size_t readers, std::size_t size) {
  rt::Loop& loop = runtime.loop(0);
  const rt::FileRef file = co_await open(loop, folder + "/cold");
  const std::vector<std::byte> bytes(1 << 20, std::byte{7});
  for (std::size_t at = 0; at < kColdBytes; at += bytes.size()) {
    co_await write_to(loop, file, at, bytes);
  }
  co_await sync_of(loop, file);
  const internal::Descriptor other(::open((folder + "/cold").c_str(), O_RDONLY | O_CLOEXEC));
  ::posix_fadvise(other.get(), 0, 0, POSIX_FADV_DONTNEED);
  ::posix_fadvise(other.get(), 0, 0, POSIX_FADV_RANDOM);
  Measured measured;
  measured.start();
  rt::Scope scope(loop);
  for (std::size_t i = 0; i < readers; ++i) {
    scope.spawn(read_part(loop, file, i * size, readers * size, size, measured));
  }
  co_await scope.join();
  measured.print(
      std::to_string(size) + " B read, not cached, " + std::to_string(readers) + " readers",
      kColdBytes / size);
}

rt::Task<int> bench(Runtime& runtime, std::string folder, std::string only) {
  if (!co_await runtime.loop(0).disk().make_directories(folder)) co_return 1;
  if (only.empty() || only == "single") co_await bench_single(runtime, folder);
  for (const Round round : {Round{1, 4096, 2000, true}, Round{16, 4096, 1000, true},
                            Round{64, 4096, 500, true}, Round{16, 65536, 200, true}}) {
    if (only.empty() || only == "journal") co_await bench_rounds(runtime, folder, round);
  }
  for (const Round round :
       {Round{1, 4096, 1000, false}, Round{4, 4096, 400, false}, Round{16, 4096, 200, false},
        Round{64, 4096, 50, false}, Round{16, 524288, 40, false}}) {
    if (only.empty() || only == "each") co_await bench_rounds(runtime, folder, round);
  }
  for (const std::size_t behind : {0UZ, 64UZ << 20}) {
    if (only.empty() || only == "stream") co_await bench_stream(runtime, folder, behind);
  }
  for (const std::size_t readers : {1UZ, 32UZ}) {
    for (const std::size_t size : {65536UZ, 1UZ << 20}) {
      if (only.empty() || only == "cold") co_await bench_cold(runtime, folder, readers, size);
    }
  }
  if (!co_await runtime.loop(0).disk().remove_tree(folder)) co_return 1;
  co_return 0;
}

}  // namespace
}  // namespace moldau::io

int main(int argc, char** argv) {
  using moldau::io::DiskBackend;
  const std::string folder = std::string(argc > 1 ? argv[1] : ".") + "/moldau-disk-bench";
  const std::string wanted = argc > 2 ? argv[2] : "";
  const std::string only = argc > 3 ? argv[3] : "";
  for (const auto backend : {DiskBackend::kUring, DiskBackend::kWorkers}) {
    if (!wanted.empty() && wanted != to_string(backend)) continue;
    auto runtime = moldau::io::Runtime::create(
        {.cores = 1, .disk = backend, .log_level = moldau::base::LogLevel::kWarn});
    if (!runtime) continue;
    std::printf("-- %s\n", std::string(to_string(backend)).c_str());
    const int code = (*runtime)->run(moldau::io::bench(**runtime, folder, only));
    if (code != 0) return code;
  }
  return 0;
}
