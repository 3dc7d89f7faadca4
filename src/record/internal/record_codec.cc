#include "record/internal/record_codec.h"

#include <cstring>

namespace moldau::record::internal {
namespace {

std::size_t sized(const std::optional<base::Bytes>& bytes) {
  if (!bytes) return base::varint_size(kNullSize);
  return base::varint_size(static_cast<std::int32_t>(bytes->size())) + bytes->size();
}

// All after the length.
std::size_t body_size(const RecordParts& parts) {
  std::size_t size = 1 + base::varlong_size(parts.timestamp_delta) +
                     base::varint_size(parts.offset_delta) + sized(parts.key) + sized(parts.value) +
                     base::varint_size(parts.header_count) + parts.encoded_headers.size();
  for (const NewHeader& header : parts.headers) {
    size += sized(base::as_bytes(header.key)) + sized(header.value);
  }
  return size;
}

class Sink {
 public:
  explicit Sink(std::byte* to) : to_(to) {}

  void byte(std::byte value) { *to_++ = value; }
  void varint(std::int32_t value) { to_ += base::write_varint(to_, value); }
  void varlong(std::int64_t value) { to_ += base::write_varlong(to_, value); }
  void bytes(base::Bytes value) {
    if (value.empty()) return;
    std::memcpy(to_, value.data(), value.size());
    to_ += value.size();
  }
  void sized(const std::optional<base::Bytes>& value) {
    if (!value) return varint(kNullSize);
    varint(static_cast<std::int32_t>(value->size()));
    bytes(*value);
  }
  [[nodiscard]] const std::byte* at() const { return to_; }

 private:
  std::byte* to_;
};

}  // namespace

std::size_t encoded_size(const RecordParts& parts) {
  const std::size_t body = body_size(parts);
  return base::varint_size(static_cast<std::int32_t>(body)) + body;
}

void append_record(const RecordParts& parts, base::ByteBuffer& out) {
  const std::size_t body = body_size(parts);
  const std::size_t size = base::varint_size(static_cast<std::int32_t>(body)) + body;
  const base::MutableBytes room = out.extend(size);
  Sink sink(room.data());
  sink.varint(static_cast<std::int32_t>(body));
  sink.byte(std::byte{0});
  sink.varlong(parts.timestamp_delta);
  sink.varint(parts.offset_delta);
  sink.sized(parts.key);
  sink.sized(parts.value);
  sink.varint(parts.header_count);
  for (const NewHeader& header : parts.headers) {
    sink.sized(base::as_bytes(header.key));
    sink.sized(header.value);
  }
  sink.bytes(parts.encoded_headers);
  ASSERT(sink.at() == room.data() + size);
}

}  // namespace moldau::record::internal
