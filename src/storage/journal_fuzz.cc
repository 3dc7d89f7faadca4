// Feeds arbitrary bytes to the decoders of moldau.journal: as they are, and as the fields, name and
// batches of an entry whose checksum is right, cut anywhere. Whatever is accepted must be what was
// written.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "storage/internal/journal_format.h"

namespace {

using namespace moldau;
using namespace moldau::storage::internal;

constexpr base::Uuid kJournal{.msb = 1, .lsb = 2};

// Fixed fields from the front of the input; zeros when it is used up.
template <class T>
T take(base::Bytes& from) {
  T value{};
  const std::size_t size = std::min(sizeof(T), from.size());
  std::memcpy(&value, from.data(), size);
  from = from.subspan(size);
  return value;
}

void check_entry(base::Bytes input) {
  EntryHeader header;
  header.number = take<std::uint8_t>(input);
  header.kind = static_cast<EntryKind>(take<std::uint8_t>(input));
  header.leader_epoch = base::LeaderEpoch(take<std::int32_t>(input));
  header.base_offset = base::Offset(take<std::int64_t>(input));
  header.end_offset = base::Offset(take<std::int64_t>(input));
  header.position = take<std::uint32_t>(input);
  const std::size_t cut = take<std::uint16_t>(input);
  header.name_bytes = take<std::uint8_t>(input);
  const std::string_view name =
      base::as_text(input.first(std::min<std::size_t>(header.name_bytes, input.size())));
  header.name_bytes = static_cast<std::uint16_t>(name.size());
  const base::Bytes body = input.subspan(name.size());
  header.body_bytes = static_cast<std::uint32_t>(body.size());

  base::ByteBuffer buffer;
  const auto whole = buffer.extend(entry_bytes(name.size(), body.size()));
  std::ranges::fill(whole, std::byte{0});
  encode_entry_header(header, kJournal, name, whole.first(kEntryHeaderBytes));
  std::ranges::copy(base::as_bytes(name), whole.subspan(kEntryHeaderBytes).begin());
  std::ranges::copy(body, whole.subspan(kEntryHeaderBytes + padded(name.size())).begin());
  const base::SharedBytes bytes = buffer.freeze();

  const auto parsed = parse_entry(bytes.span(), kJournal, header.number);
  ASSERT(parsed.has_value());
  ASSERT(parsed->header == header);
  ASSERT(parsed->name == name);
  ASSERT(parsed->size == bytes.size());
  static_cast<void>(
      batches_are_whole(header, bytes.slice(parsed->body_at, parsed->header.body_bytes)));
  ASSERT(!parse_entry(bytes.span(), kJournal, header.number + 1).has_value());
  if (cut < bytes.size()) {
    ASSERT(!parse_entry(bytes.span().first(cut), kJournal, header.number).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes = std::as_bytes(std::span(data, size));
  if (const auto header = decode_journal_header(bytes)) {
    ASSERT(decode_journal_header(encode_journal_header(*header).span()) == header);
  }
  static_cast<void>(decode_region_header(bytes, kJournal));
  static_cast<void>(parse_entry(bytes, kJournal, 0));
  check_entry(bytes);
  return 0;
}
