// FrameReader cuts a connection's byte stream into Kafka frames: an int32 size and that many bytes.
// Small frames come out of one receive; what a larger frame has beyond the staging block is
// received straight into its own block. A frame takes memory as its bytes arrive: the block grows
// in steps (staging block, kFrameClaimBytes, kFrameFirstBytes, then kFrameGrowth times what is
// there), and the budget is charged with twice what is there at most. So a claimed size alone costs
// nothing, and yet few bytes are copied when a block grows. Sizes are checked as Kafka does
// (negative, or over socket.request.max.bytes: the connection is closed). One loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "base/bytes.h"
#include "broker/network/frame_budget.h"
#include "rt/net.h"
#include "rt/stop.h"
#include "rt/task.h"

namespace moldau::broker {

inline constexpr std::size_t kFrameStagingBytes = kSmallFrameBytes;
// What a frame gets when it has filled the staging block: the copy of that stays small beside it.
inline constexpr std::size_t kFrameClaimBytes = std::size_t{64} << 10;
// And when it has filled that: a request of Java's default size, 1 MiB with what surrounds its
// records.
inline constexpr std::size_t kFrameFirstBytes = (std::size_t{1} << 20) + (std::size_t{64} << 10);
inline constexpr std::size_t kFrameGrowth = 16;

enum class FrameError : std::uint8_t {
  kClosed,     // the peer closed between two frames
  kCut,        // the peer closed within a frame, or the connection failed
  kNegative,   // a negative size
  kOversized,  // a size over the limit
  kStopped,
};

struct Frame {
  base::SharedBytes bytes;  // without the size
  FrameBudget::Share share;
};

class FrameReader {
 public:
  FrameReader(rt::Connection& connection, FrameBudget& budget, std::size_t frame_bytes_max)
      : connection_(&connection), budget_(&budget), frame_bytes_max_(frame_bytes_max) {}

  // Returns when the next frame begins to arrive, or as next() does when none will. Only for who
  // wants to know before it wants the frame.
  rt::Task<std::expected<void, FrameError>> begin();
  // The next frame, empty frames included.
  rt::Task<std::expected<Frame, FrameError>> next(rt::StopToken token);
  // The size that was refused, after kNegative or kOversized.
  [[nodiscard]] std::int32_t refused_size() const { return refused_size_; }
  // All bytes so far.
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }
  // A frame has begun and it is the peer who has to go on.
  [[nodiscard]] bool waits_for_peer() const { return in_frame_ && receiving_; }

 private:
  [[nodiscard]] base::Bytes staged() const {
    return staging_.span().subspan(staged_from_, staged_to_ - staged_from_);
  }
  rt::Task<std::expected<void, FrameError>> stage(std::size_t bytes);
  rt::Task<std::expected<void, FrameError>> receive_rest(base::ByteBuffer& block, std::size_t size,
                                                         FrameBudget::Share& share,
                                                         rt::StopToken token);

  rt::Connection* connection_;
  FrameBudget* budget_;
  std::size_t frame_bytes_max_;
  base::ByteBuffer
      staging_;  // taken when the first byte is expected, kept for the connection's life
  std::size_t staged_from_ = 0;
  std::size_t staged_to_ = 0;
  std::int32_t refused_size_ = 0;
  std::uint64_t received_bytes_ = 0;
  bool in_frame_ = false;
  bool receiving_ = false;
};

}  // namespace moldau::broker
