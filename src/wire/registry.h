// All messages and all APIs as tables, with codecs that know neither type nor struct: for dispatch
// by api key, log dump and tests. Generated from the schemas, constant, free to use on any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "wire/api_key.h"
#include "wire/message.h"

namespace moldau::wire {

struct MessageInfo {
  std::string_view name;  // for example "FetchRequest"
  MessageKind kind;
  std::int16_t key;  // api key or record type; -1 for none
  std::int16_t min_version;
  std::int16_t max_version;
  std::int16_t stable_version;  // last version that Kafka calls stable
  std::int16_t first_flexible;  // kNeverFlexible for none
  // Decodes and prints; the output is cut where the bytes are bad.
  std::expected<void, WireError> (*print)(Reader& in, std::int16_t version, Printer& out);
  // Decodes and encodes again.
  std::expected<base::ByteChain, WireError> (*recode)(Reader& in, std::int16_t version);
};

struct ApiInfo {
  ApiKey key;
  std::string_view name;  // for example "Fetch"
  std::int16_t min_version;
  std::int16_t max_version;
  std::int16_t stable_version;
  std::int16_t first_flexible;
  bool on_broker;      // served on broker listeners
  bool on_controller;  // served on controller listeners
  bool forwardable;    // a broker passes it to the controller in an Envelope
};

// Ordered by name of the schema file.
[[nodiscard]] std::span<const MessageInfo> messages();
// Ordered by api key.
[[nodiscard]] std::span<const ApiInfo> apis();

// Null when there is none.
[[nodiscard]] const MessageInfo* find_message(std::string_view name);
[[nodiscard]] const MessageInfo* find_message(MessageKind kind, std::int16_t key);
[[nodiscard]] const ApiInfo* find_api(std::int16_t key);
[[nodiscard]] inline const ApiInfo* find_api(ApiKey key) {
  return find_api(static_cast<std::int16_t>(key));
}

}  // namespace moldau::wire
