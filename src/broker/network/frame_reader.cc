#include "broker/network/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "base/endian.h"
#include "base/result.h"

namespace moldau::broker {

rt::Task<std::expected<void, FrameError>> FrameReader::stage(std::size_t bytes) {
  ASSERT(bytes <= kFrameStagingBytes);
  if (staging_.size() == 0) static_cast<void>(staging_.extend(kFrameStagingBytes));
  const base::MutableBytes block = staging_.mutable_span();
  if (staged_from_ > 0 && staged_from_ + bytes > block.size()) {
    std::memmove(block.data(), block.data() + staged_from_, staged_to_ - staged_from_);
    staged_to_ -= staged_from_;
    staged_from_ = 0;
  }
  while (staged_to_ - staged_from_ < bytes) {
    const auto count = co_await connection_->receive(block.subspan(staged_to_));
    if (!count) {
      const bool between_frames =
          staged_to_ == staged_from_ && count.error().code == rt::IoErrorCode::kClosed;
      co_return std::unexpected(between_frames ? FrameError::kClosed : FrameError::kCut);
    }
    staged_to_ += *count;
  }
  co_return {};
}

rt::Task<std::expected<void, FrameError>> FrameReader::receive_rest(base::ByteBuffer& block,
                                                                    std::size_t size,
                                                                    FrameBudget::Share& share,
                                                                    rt::StopToken token) {
  while (block.size() < size) {
    const std::size_t room = std::min(block.capacity(), size) - block.size();
    if (room == 0) {
      const std::size_t grown = std::min(size, block.capacity() * 2);
      if (!co_await share.take(grown - block.capacity(), token)) {
        co_return std::unexpected(FrameError::kStopped);
      }
      block.reserve(grown);
      continue;
    }
    const std::size_t before = block.size();
    const auto count = co_await connection_->receive(block.extend(room));
    if (!count) co_return std::unexpected(FrameError::kCut);
    block.shrink(before + *count);
  }
  co_return {};
}

rt::Task<std::expected<Frame, FrameError>> FrameReader::next(rt::StopToken token) {
  if (staged_to_ == staged_from_) staged_from_ = staged_to_ = 0;
  CO_TRY(co_await stage(sizeof(std::int32_t)));
  const auto size = base::load_be<std::int32_t>(staged().data());
  if (size < 0 || static_cast<std::size_t>(size) > frame_bytes_max_) {
    refused_size_ = size;
    co_return std::unexpected(size < 0 ? FrameError::kNegative : FrameError::kOversized);
  }
  staged_from_ += sizeof(std::int32_t);

  const auto frame_size = static_cast<std::size_t>(size);
  Frame frame{.bytes = {}, .share = FrameBudget::Share(*budget_)};
  const std::size_t first = std::min(frame_size, kFrameFirstBytes);
  if (!co_await frame.share.take(first, token)) co_return std::unexpected(FrameError::kStopped);
  base::ByteBuffer block(first);
  const std::size_t here = std::min(frame_size, staged_to_ - staged_from_);
  block.append(staged().first(here));
  staged_from_ += here;
  CO_TRY(co_await receive_rest(block, frame_size, frame.share, token));
  frame.share.complete();
  frame.bytes = block.freeze();
  co_return frame;
}

}  // namespace moldau::broker
