// Why bytes could not be decoded, or a message not be encoded. One enum for both directions; the
// Reader and the Writer latch the first. Free to use on any loop.
#pragma once

#include <cstdint>
#include <string_view>

namespace moldau::wire {

enum class WireError : std::uint8_t {
  kTruncated,           // a field goes past the end of the bytes
  kBadLength,           // a length is negative, too large, or more than what is left
  kBadVarint,           // longer than its type allows
  kUnexpectedNull,      // null where the version does not allow it
  kTooManyElements,     // over kElementsMax or kTagsMax
  kOverBudget,          // decoded size over the caller's budget
  kBadTag,              // a tag that the version does not have, or whose size is not its field's
  kUnsupportedVersion,  // the message has no such version
  kTrailingBytes,       // bytes are left where the message should end
  kUnknownKey,          // no message with this api key or record type
  kFieldNotInVersion,   // encode: a field is set that the version cannot carry
  kStringTooLong,       // encode: over kStringBytesMax
  kTagOrder,            // encode: unknown tags not ascending, or one that the message defines
  kTooLarge,            // encode: more than an int32 length can say
};

[[nodiscard]] std::string_view to_string(WireError error);

}  // namespace moldau::wire
