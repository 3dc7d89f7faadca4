#include "wire/wire_error.h"

#include "base/assert.h"

namespace moldau::wire {

std::string_view to_string(WireError error) {
  switch (error) {
    case WireError::kTruncated:
      return "truncated";
    case WireError::kBadLength:
      return "bad length";
    case WireError::kBadVarint:
      return "bad varint";
    case WireError::kUnexpectedNull:
      return "unexpected null";
    case WireError::kTooManyElements:
      return "too many elements";
    case WireError::kOverBudget:
      return "over the byte budget";
    case WireError::kBadTag:
      return "bad tagged field";
    case WireError::kUnsupportedVersion:
      return "unsupported version";
    case WireError::kTrailingBytes:
      return "trailing bytes";
    case WireError::kUnknownKey:
      return "unknown key";
    case WireError::kFieldNotInVersion:
      return "field not in version";
    case WireError::kStringTooLong:
      return "string too long";
    case WireError::kTagOrder:
      return "tags out of order";
    case WireError::kTooLarge:
      return "too large";
  }
  UNREACHABLE();
}

}  // namespace moldau::wire
