// The 61 header bytes of format 2, field by field, without any judgement: validate() must report a
// wrong checksum before it looks at what the fields say.
#pragma once

#include "base/bytes.h"
#include "record/batch.h"

namespace moldau::record::internal {

// `bytes` holds at least kBatchHeaderBytes.
[[nodiscard]] BatchHeader read_header(base::Bytes bytes);

// That the fields make sense together: offset range, record count.
[[nodiscard]] Result<void> check_fields(const BatchHeader& header);

}  // namespace moldau::record::internal
