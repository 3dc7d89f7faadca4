// Feeds an arbitrary byte stream, in pieces that the input draws, to FrameReader, and compares the
// frames and the end with what a plain reading of the same bytes says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "base/endian.h"
#include "base/rng.h"
#include "broker/network/frame_reader.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace {

using namespace moldau;
using broker::FrameError;

constexpr std::size_t kFrameMax = 20'000;  // more than one staging block
constexpr std::size_t kBudget = 3000;

// Has all bytes at hand, gives some of them at a time, then says that the peer has closed.
class Stream : public rt::Connection {
 public:
  Stream(base::Bytes bytes, std::uint64_t seed) : left_(bytes), rng_(seed) {}

  void close() override { left_ = {}; }
  [[nodiscard]] const rt::Endpoint& peer() const override { return nobody_; }
  [[nodiscard]] const rt::Endpoint& local() const override { return nobody_; }
  [[nodiscard]] bool submit(rt::NetOperation& operation) override {
    ASSERT(operation.kind == rt::NetOperation::Kind::kReceive);
    if (left_.empty()) {
      operation.result = std::unexpected(rt::IoError{.code = rt::IoErrorCode::kClosed});
      return true;
    }
    ASSERT(!operation.into.empty());
    const std::size_t most = std::min(left_.size(), operation.into.size());
    const std::size_t count = rng_.chance(1, 2) ? most : 1 + rng_.below(most);
    std::ranges::copy(left_.first(count), operation.into.begin());
    left_ = left_.subspan(count);
    operation.result = count;
    return true;
  }
  void abandon(rt::NetOperation&) override {}

 private:
  base::Bytes left_;
  base::Rng rng_;
  rt::Endpoint nobody_;
};

struct Frames {
  std::vector<base::SharedBytes> frames;
  FrameError end = FrameError::kStopped;
};

rt::Task<Frames> read_all(rt::Loop& loop, base::Bytes bytes, std::uint64_t seed) {
  Stream stream(bytes, seed);
  broker::FrameBudget budget(loop, kBudget);
  broker::FrameReader reader(stream, budget, kFrameMax);
  Frames read;
  for (;;) {
    auto frame = co_await reader.next({});
    if (!frame) {
      read.end = frame.error();
      break;
    }
    ASSERT(budget.used() == frame->share.bytes());
    ASSERT(budget.used() >= frame->bytes.size());
    read.frames.push_back(frame->bytes);
  }
  ASSERT(budget.used() == 0);
  co_return read;
}

struct Expected {
  std::size_t frames = 0;
  FrameError end = FrameError::kClosed;
};

// Reads the same bytes plainly, comparing the frames.
Expected compare(base::Bytes bytes, const std::vector<base::SharedBytes>& frames) {
  for (std::size_t i = 0;; ++i) {
    if (bytes.empty()) return {.frames = i, .end = FrameError::kClosed};
    if (bytes.size() < sizeof(std::int32_t)) return {.frames = i, .end = FrameError::kCut};
    const auto size = base::load_be<std::int32_t>(bytes.data());
    if (size < 0) return {.frames = i, .end = FrameError::kNegative};
    const auto frame_size = static_cast<std::size_t>(size);
    if (frame_size > kFrameMax) return {.frames = i, .end = FrameError::kOversized};
    bytes = bytes.subspan(sizeof(std::int32_t));
    if (bytes.size() < frame_size) return {.frames = i, .end = FrameError::kCut};
    ASSERT(i < frames.size());
    ASSERT(std::ranges::equal(frames[i].span(), bytes.first(frame_size)));
    bytes = bytes.subspan(frame_size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static sim::Simulation world({.seed = 1});
  static sim::Node& node = world.add_node({});
  if (size < 1) return 0;
  const base::Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  const Frames read = sim::run_task(world, node.loop(0), read_all(node.loop(0), bytes, data[0]));
  const Expected expected = compare(bytes, read.frames);
  ASSERT(read.frames.size() == expected.frames);
  ASSERT(read.end == expected.end);
  return 0;
}
