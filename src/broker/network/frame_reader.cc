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
    receiving_ = true;
    const auto count = co_await connection_->receive(block.subspan(staged_to_));
    receiving_ = false;
    if (!count) {
      const bool between_frames = !in_frame_ && staged_to_ == staged_from_ &&
                                  count.error().code == rt::IoErrorCode::kClosed;
      co_return std::unexpected(between_frames ? FrameError::kClosed : FrameError::kCut);
    }
    staged_to_ += *count;
    received_bytes_ += *count;
  }
  co_return {};
}

rt::Task<std::expected<void, FrameError>> FrameReader::receive_rest(base::ByteBuffer& block,
                                                                    std::size_t size,
                                                                    FrameBudget::Share& share,
                                                                    rt::StopToken token) {
  while (block.size() < size) {
    if (block.size() == share.bytes()) {
      const std::size_t charged = std::min(size, std::max(share.bytes() * 2, kFrameFirstBytes));
      if (!co_await share.take(charged - share.bytes(), token)) {
        co_return std::unexpected(FrameError::kStopped);
      }
    }
    if (block.size() == block.capacity()) {
      block.reserve(std::min(size, std::max(block.capacity() * kFrameGrowth, kFrameFirstBytes)));
    }
    const std::size_t room = std::min(block.capacity(), share.bytes()) - block.size();
    const std::size_t before = block.size();
    receiving_ = true;
    const auto count = co_await connection_->receive(block.extend(room));
    receiving_ = false;
    if (!count) co_return std::unexpected(FrameError::kCut);
    block.shrink(before + *count);
    received_bytes_ += *count;
  }
  co_return {};
}

rt::Task<std::expected<void, FrameError>> FrameReader::begin() {
  if (staged_to_ > staged_from_) co_return {};
  staged_from_ = staged_to_ = 0;
  co_return co_await stage(1);
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
  in_frame_ = true;

  const auto frame_size = static_cast<std::size_t>(size);
  const std::size_t staged_first = std::min(frame_size, kFrameStagingBytes);
  if (staged().size() < staged_first) CO_TRY(co_await stage(staged_first));
  Frame frame{.bytes = {}, .share = FrameBudget::Share(*budget_)};
  const std::size_t first = std::min(frame_size, kFrameClaimBytes);
  if (!co_await frame.share.take(first, token)) co_return std::unexpected(FrameError::kStopped);
  base::ByteBuffer block(first);
  const std::size_t here = std::min(frame_size, staged_to_ - staged_from_);
  block.append(staged().first(here));
  staged_from_ += here;
  CO_TRY(co_await receive_rest(block, frame_size, frame.share, token));
  in_frame_ = false;
  frame.share.complete();
  frame.bytes = block.freeze();
  co_return frame;
}

}  // namespace moldau::broker
