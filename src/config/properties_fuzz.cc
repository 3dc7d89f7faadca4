// Whatever the bytes, parse() ends with a result or an error; what it accepts survives a round trip
// through to_text(), and load() finds a verdict about it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "config/broker_config.h"
#include "config/properties.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using moldau::config::Properties;
  const auto parsed = Properties::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto again = Properties::parse(parsed->to_text("again"));
  ASSERT(again.has_value());
  ASSERT(again->size() == parsed->size());
  for (const auto& [key, property] : parsed->entries()) {
    ASSERT(again->get(key) == std::string_view(property.value));
  }
  static_cast<void>(moldau::config::load(*parsed).ok());
  return 0;
}
