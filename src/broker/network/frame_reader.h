// FrameReader cuts a connection's byte stream into Kafka frames: an int32 size and that many bytes.
// Small frames come out of one receive; a frame that is larger than the staging block is received
// straight into its own block. A frame over kFrameFirstBytes takes memory as its bytes arrive, so a
// claimed size alone costs nothing. Sizes are checked as Kafka does (negative, or over
// socket.request.max.bytes: the connection is closed). One loop.
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

// A frame gets this much memory at once; what lies beyond follows its bytes.
inline constexpr std::size_t kFrameFirstBytes = std::size_t{1} << 20;
inline constexpr std::size_t kFrameStagingBytes = std::size_t{8} << 10;

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

  // The next frame, empty frames included.
  rt::Task<std::expected<Frame, FrameError>> next(rt::StopToken token);
  // The size that was refused, after kNegative or kOversized.
  [[nodiscard]] std::int32_t refused_size() const { return refused_size_; }

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
};

}  // namespace moldau::broker
