#include "record/internal/stream_cursor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace moldau::record::internal {

StreamCursor::StreamCursor(Decompressor& source, CodecContexts& contexts) : source_(&source) {
  auto& window = contexts.state().window;
  if (window.size() < kWindowBytes) window.resize(kWindowBytes);
  window_ = window;
}

bool StreamCursor::refill() {
  if (ended_ || fault_) return false;
  const std::size_t kept = remaining_in_window();
  if (kept == window_.size()) return false;
  if (window_at_ > 0 && kept > 0) {
    std::memmove(window_.data(), window_.data() + window_at_, kept);
  }
  window_at_ = 0;
  window_end_ = kept;
  auto got = source_->read(window_.subspan(kept));
  if (!got) {
    fault_ = std::move(got).error();
    return false;
  }
  ended_ = *got == 0;
  window_end_ += *got;
  return !ended_;
}

const char* StreamCursor::next_record(RecordFields& fields) {
  // The length first, outside of the record's own bytes.
  record_left_ = base::kVarint32BytesMax;
  std::int32_t size = 0;
  if (!varint(size)) return "a record's length is cut off";
  if (size < 0) return "a record has a negative length";
  record_left_ = static_cast<std::size_t>(size);
  while (remaining_in_window() < record_left_ && refill()) {
  }
  if (remaining_in_window() < record_left_) return parse_record_body(*this, fields);

  const std::byte* at = window_.data() + window_at_;
  MemoryCursor in(at, at + record_left_);
  window_at_ += record_left_;
  return parse_record_body(in, fields);
}

bool StreamCursor::skip(std::size_t size) {
  if (size > record_left_) return false;
  record_left_ -= size;
  while (size > 0) {
    if (remaining_in_window() == 0 && !refill()) return false;
    const std::size_t step = std::min(size, remaining_in_window());
    window_at_ += step;
    size -= step;
  }
  return true;
}

std::optional<std::uint64_t> StreamCursor::unsigned_varint(std::size_t bytes_max) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes_max; ++i) {
    if (record_left_ == 0) return std::nullopt;
    if (remaining_in_window() == 0 && !refill()) return std::nullopt;
    const auto byte = std::to_integer<std::uint64_t>(window_[window_at_]);
    ++window_at_;
    --record_left_;
    const std::uint64_t bits = byte & 0x7F;
    const auto shift = static_cast<unsigned>(7 * i);
    if (shift > 0 && bits > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
      return std::nullopt;
    }
    value |= bits << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

bool StreamCursor::varint(std::int32_t& value) {
  const auto read = unsigned_varint(base::kVarint32BytesMax);
  if (!read || *read > std::numeric_limits<std::uint32_t>::max()) return false;
  value = base::unzigzag(static_cast<std::uint32_t>(*read));
  return true;
}

bool StreamCursor::varlong(std::int64_t& value) {
  const auto read = unsigned_varint(base::kVarint64BytesMax);
  if (!read) return false;
  value = base::unzigzag(*read);
  return true;
}

}  // namespace moldau::record::internal
