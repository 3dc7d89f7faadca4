// Makes a registry row from a generated message.
#pragma once

#include "wire/printer.h"
#include "wire/reader.h"
#include "wire/registry.h"
#include "wire/writer.h"

namespace moldau::wire::internal {

template <class Message>
std::expected<void, WireError> print_bytes(Reader& in, std::int16_t version, Printer& out) {
  Message message;
  if (auto decoded = decode(message, version, in); !decoded) return decoded;
  print(message, version, out);
  return {};
}

template <class Message>
std::expected<base::ByteChain, WireError> recode(Reader& in, std::int16_t version) {
  Message message;
  if (auto decoded = decode(message, version, in); !decoded) {
    return std::unexpected(decoded.error());
  }
  Writer out;
  encode(message, version, out);
  return out.finish();
}

template <class Message>
constexpr MessageInfo message_info(MessageKind kind, std::int16_t key) {
  return {.name = Message::kName,
          .kind = kind,
          .key = key,
          .min_version = Message::kMinVersion,
          .max_version = Message::kMaxVersion,
          .stable_version = Message::kStableVersion,
          .first_flexible = Message::kFirstFlexibleVersion,
          .print = &print_bytes<Message>,
          .recode = &recode<Message>};
}

}  // namespace moldau::wire::internal
