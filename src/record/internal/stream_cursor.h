// Records of a compressed batch, read piece by piece: a window of fixed size slides over the
// unpacked bytes. A record inside the window is parsed from memory; one that reaches past it is
// walked with the window moving underneath. So a batch that unpacks to much costs no more memory
// than a small one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "record/compression.h"
#include "record/internal/codec_state.h"
#include "record/internal/record_codec.h"

namespace moldau::record::internal {

inline constexpr std::size_t kWindowBytes = 64 * 1024;

class StreamCursor {
 public:
  StreamCursor(Decompressor& source, CodecContexts& contexts);

  // Parses the next record; key, value and header positions are not given. Nullptr, or what is
  // wrong with it; fault() then tells when it was the stream.
  [[nodiscard]] const char* next_record(RecordFields& fields);
  // Whether the stream ends here.
  [[nodiscard]] bool at_end() { return remaining_in_window() == 0 && !refill(); }
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }

  // The cursor of parse_record_body() for a record that does not fit.
  [[nodiscard]] const std::byte* at() const { return nullptr; }
  [[nodiscard]] std::size_t remaining() const { return record_left_; }
  [[nodiscard]] bool skip(std::size_t size);
  [[nodiscard]] bool varint(std::int32_t& value);
  [[nodiscard]] bool varlong(std::int64_t& value);

 private:
  [[nodiscard]] std::size_t remaining_in_window() const { return window_end_ - window_at_; }
  // Reads more behind what is left, which moves to the front. False at the end or on a fault.
  [[nodiscard]] bool refill();
  [[nodiscard]] std::optional<std::uint64_t> unsigned_varint(std::size_t bytes_max);

  Decompressor* source_;
  base::MutableBytes window_;
  std::size_t window_at_ = 0;
  std::size_t window_end_ = 0;
  std::size_t record_left_ = 0;
  bool ended_ = false;
  std::optional<Fault> fault_;
};

}  // namespace moldau::record::internal
