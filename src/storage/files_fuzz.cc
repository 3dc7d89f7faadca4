// Feeds arbitrary bytes to the decoders of the small files of a data directory. What they accept
// must encode to something that decodes to the same.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "storage/internal/checkpoint_file.h"
#include "storage/internal/sparse_index.h"
#include "storage/meta_properties.h"

using namespace moldau;
using namespace moldau::storage;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes = std::as_bytes(std::span(data, size));
  const std::string_view text = base::as_text(bytes);
  if (const auto properties = MetaProperties::parse(text)) {
    const auto again = MetaProperties::parse(properties->to_text());
    ASSERT(again.has_value());
    ASSERT(*again == *properties);
  }
  if (const auto entries = internal::decode_checkpoint(text)) {
    const auto again = internal::decode_checkpoint(internal::encode_checkpoint(*entries));
    ASSERT(again.has_value());
    ASSERT(*again == *entries);
  }
  // The log that the index belongs to ends inside of the positions that the bytes can name.
  constexpr std::uint64_t kLogBytes = std::uint64_t{1} << 30;
  if (const auto offsets = internal::decode_offset_entries(bytes, kLogBytes)) {
    ASSERT(internal::decode_offset_entries(internal::encode_offset_entries(*offsets).span(),
                                           kLogBytes) == offsets);
    if (const auto at = internal::find_offset(*offsets, 1 << 20)) ASSERT(*at < offsets->size());
  }
  if (const auto times = internal::decode_time_entries(bytes)) {
    ASSERT(internal::decode_time_entries(internal::encode_time_entries(*times).span()) == times);
    if (const auto at = internal::find_time(*times, 1 << 20)) ASSERT(*at < times->size());
  }
  return 0;
}
