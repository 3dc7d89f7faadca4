// Input: two bytes of message, one of version, then the message. Whatever decodes must print, and
// what it encodes to must decode and encode to the same again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "wire/printer.h"
#include "wire/reader.h"
#include "wire/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace moldau;
  if (size < 3) return 0;
  const auto all = wire::messages();
  const auto& info = all[(std::size_t{data[0]} << 8 | data[1]) % all.size()];
  const int versions = info.max_version - info.min_version + 1;
  const auto version = static_cast<std::int16_t>(info.min_version + data[2] % versions);
  const auto bytes = base::SharedBytes::copy_of(
      std::string_view(reinterpret_cast<const char*>(data) + 3, size - 3));

  wire::Reader in(bytes);
  const auto once = info.recode(in, version);
  if (!once) return 0;
  std::string text;
  wire::Printer printer(text);
  wire::Reader to_print(bytes);
  ASSERT(info.print(to_print, version, printer).has_value());
  wire::Reader again(once->flatten());
  const auto twice = info.recode(again, version);
  ASSERT(twice.has_value());
  ASSERT(again.done().has_value());
  ASSERT(once->flatten() == twice->flatten());
  return 0;
}
