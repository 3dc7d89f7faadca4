// Feeds arbitrary bytes to the console's HTTP parser, in whole and cut at a place that the input
// names, as a slow client sends them: what is refused early stays refused, and what is a whole head
// stays the same one when more bytes follow.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "console/http.h"

using namespace moldau;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  console::HttpRequest whole;
  const auto parsed = console::parse_request(text, whole);
  if (parsed == console::HttpParse::kDone) {
    ASSERT(!whole.method.empty());
    ASSERT(whole.target.find_first_of("\r\n ") == std::string::npos);
  }
  console::HttpRequest early;
  const auto before = console::parse_request(text.substr(0, text.size() * data[0] / 256), early);
  if (before == console::HttpParse::kBad) ASSERT(parsed == console::HttpParse::kBad);
  if (before == console::HttpParse::kDone && parsed == console::HttpParse::kDone) {
    ASSERT(early.method == whole.method);
    ASSERT(early.target == whole.target);
  }
  return 0;
}
