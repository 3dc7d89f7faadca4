// Random instances of every message and version, and their fields as text: what the tests of this
// module, its fuzzer and tests/kafka/codec are made of. Test code only. A pure function of the
// seed.
//
// The text has a line a field that the version carries, `path=value`: numbers in decimal, floats,
// strings, bytes and ids in hexadecimal, `null`; `path#=3` is the size of an array, `path?=set` a
// struct; unknown tags are the array `_tags` with `number:bytes`.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/rng.h"
#include "wire/message.h"
#include "wire/wire_error.h"

namespace moldau::wire::testing {

// How an instance is drawn.
enum class Draw : std::uint8_t {
  kDefault,  // nothing is set
  kBare,     // one element in each array of structs, every struct there, nothing in them set
  kEmpty,    // null where allowed, else empty or zero
  kMax,      // the largest numbers, long text and bytes
  kRandom,   // anything
  kOne,      // one short element everywhere, nothing null, a tag wherever there may be one
};

struct Sample {
  base::SharedBytes bytes;
  std::string fields;
  std::size_t encoded_size = 0;
};

struct Grown {
  base::SharedBytes bytes;
  std::size_t prefix_bytes = 0;  // of the length that grew, where it is not a varint
};

struct SampleCodec {
  std::string_view name;
  std::int16_t min_version;
  std::int16_t max_version;
  // An instance, encoded.
  std::expected<Sample, WireError> (*draw)(std::int16_t version, base::Rng& rng, Draw how);
  // Decodes all of the bytes, lists the fields and encodes again.
  std::expected<Sample, WireError> (*read)(const base::SharedBytes& bytes, std::int16_t version);
  // Decodes the bytes, makes the string, bytes, array, tag or list of tags number `which` longer by
  // one and encodes again: the first byte that differs is of the length that grew, or of the size
  // of a tagged field around it. Nothing when there are not so many.
  std::optional<Grown> (*grow)(const base::SharedBytes& bytes, std::int16_t version,
                               std::size_t which);
};

// Every message, in the registry's order.
[[nodiscard]] std::span<const SampleCodec> sample_codecs();

}  // namespace moldau::wire::testing
