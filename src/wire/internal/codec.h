// What generated encoders and decoders are made of: put() writes a value to a Writer or a Sizer,
// get() reads one from a Reader, each for values, strings, bytes, arrays and nullable ones. Structs
// are reached by argument-dependent lookup: put(out, struct, version) and get(in, struct, version).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"
#include "base/uuid.h"
#include "wire/error_code.h"
#include "wire/internal/sizer.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::wire::internal {

inline constexpr std::uint32_t kNoMoreTags = std::numeric_limits<std::uint32_t>::max();

// ---- put: one value; `flexible` matters to strings and bytes only.

template <class Out>
void put(Out& out, bool value, bool) {
  out.boolean(value);
}
template <class Out>
void put(Out& out, std::int8_t value, bool) {
  out.i8(value);
}
template <class Out>
void put(Out& out, std::int16_t value, bool) {
  out.i16(value);
}
template <class Out>
void put(Out& out, std::int32_t value, bool) {
  out.i32(value);
}
template <class Out>
void put(Out& out, std::int64_t value, bool) {
  out.i64(value);
}
template <class Out>
void put(Out& out, std::uint16_t value, bool) {
  out.u16(value);
}
template <class Out>
void put(Out& out, std::uint32_t value, bool) {
  out.u32(value);
}
template <class Out>
void put(Out& out, double value, bool) {
  out.f64(value);
}
template <class Out>
void put(Out& out, ErrorCode value, bool) {
  out.i16(static_cast<std::int16_t>(value));
}
template <class Out>
void put(Out& out, const base::Uuid& value, bool) {
  out.uuid(value);
}
template <class Out, class Tag>
void put(Out& out, const base::StrongUuid<Tag>& value, bool) {
  out.uuid(value.uuid);
}
template <class Out, class Tag, class Rep>
void put(Out& out, base::Strong<Tag, Rep> value, bool flexible) {
  put(out, value.value(), flexible);
}
template <class Out, class Rep, class Period>
void put(Out& out, std::chrono::duration<Rep, Period> value, bool flexible) {
  put(out, value.count(), flexible);
}
template <class Out>
void put(Out& out, const std::string& value, bool flexible) {
  out.string(value, flexible);
}
template <class Out, class Tag>
void put(Out& out, const base::StrongString<Tag>& value, bool flexible) {
  out.string(value.view(), flexible);
}
template <class Out>
void put(Out& out, const base::SharedBytes& value, bool flexible) {
  out.bytes(value, flexible);
}
template <class Out>
void put(Out& out, const base::ByteChain& value, bool flexible) {
  out.records(value, flexible);
}
template <class Out, class T>
void put(Out& out, const std::vector<T>& values, bool flexible) {
  out.array(values.size(), flexible);
  for (const T& value : values) put(out, value, flexible);
}

template <class Out>
void put_null(Out& out, const std::string*, bool flexible) {
  out.null_string(flexible);
}
template <class Out, class Tag>
void put_null(Out& out, const base::StrongString<Tag>*, bool flexible) {
  out.null_string(flexible);
}
template <class Out>
void put_null(Out& out, const base::SharedBytes*, bool flexible) {
  out.null_bytes(flexible);
}
template <class Out>
void put_null(Out& out, const base::ByteChain*, bool flexible) {
  out.null_bytes(flexible);
}
template <class Out, class T>
void put_null(Out& out, const std::vector<T>*, bool flexible) {
  out.null_array(flexible);
}

// A value that may be null in some version; `nullable` says whether in this one.
template <class Out, class T>
void put_nullable(Out& out, const std::optional<T>& value, bool flexible, bool nullable) {
  if (value) {
    put(out, *value, flexible);
    return;
  }
  if (!nullable) out.fail(WireError::kUnexpectedNull);
  put_null(out, static_cast<const T*>(nullptr), flexible);
}

// ---- put: structs.

template <class Out, class T>
void put_structs(Out& out, const std::vector<T>& values, bool flexible, std::int16_t version) {
  out.array(values.size(), flexible);
  for (const T& value : values) put(out, value, version);
}
template <class Out, class T>
void put_nullable_structs(Out& out, const std::optional<std::vector<T>>& values, bool flexible,
                          bool nullable, std::int16_t version) {
  if (values) {
    put_structs(out, *values, flexible, version);
    return;
  }
  if (!nullable) out.fail(WireError::kUnexpectedNull);
  out.null_array(flexible);
}
// A nullable struct has a byte in front, -1 for null and 1 otherwise; as a tagged field, a varint.
template <class Out, class T>
void put_nullable_struct(Out& out, const std::optional<T>& value, bool nullable, bool tagged,
                         std::int16_t version) {
  if (!value && !nullable) out.fail(WireError::kUnexpectedNull);
  if (nullable && tagged) out.uvarint(value ? 1 : 0);
  if (nullable && !tagged) out.i8(static_cast<std::int8_t>(value ? 1 : -1));
  if (value) put(out, *value, version);
}

// ---- put: tagged fields.

// `field` writes the value to whatever it is given: first to a Sizer, since the size goes in front.
template <class Out, class Field>
void put_tagged(Out& out, std::uint32_t tag, const Field& field) {
  Sizer size;
  field(size);
  out.uvarint(tag);
  out.uvarint(size.size());
  field(out);
}
template <class Out>
void put_unknown_tags(Out& out, const UnknownTags& tags) {
  std::size_t next = 0;
  out.uvarint(tags.size());
  out.unknown_tags(tags, next, kNoMoreTags);
}
inline void get_unknown_tags(Reader& in, UnknownTags& tags) {
  for (std::uint32_t left = in.tag_count(); left > 0 && in.ok(); --left) {
    in.unknown_tag(in.begin_tag(), tags);
  }
}

// ---- get: one value.

inline void get(Reader& in, bool& value, bool) { value = in.boolean(); }
inline void get(Reader& in, std::int8_t& value, bool) { value = in.i8(); }
inline void get(Reader& in, std::int16_t& value, bool) { value = in.i16(); }
inline void get(Reader& in, std::int32_t& value, bool) { value = in.i32(); }
inline void get(Reader& in, std::int64_t& value, bool) { value = in.i64(); }
inline void get(Reader& in, std::uint16_t& value, bool) { value = in.u16(); }
inline void get(Reader& in, std::uint32_t& value, bool) { value = in.u32(); }
inline void get(Reader& in, double& value, bool) { value = in.f64(); }
inline void get(Reader& in, ErrorCode& value, bool) { value = static_cast<ErrorCode>(in.i16()); }
inline void get(Reader& in, base::Uuid& value, bool) { value = in.uuid(); }
template <class Tag>
void get(Reader& in, base::StrongUuid<Tag>& value, bool) {
  value.uuid = in.uuid();
}
template <class Tag, class Rep>
void get(Reader& in, base::Strong<Tag, Rep>& value, bool flexible) {
  Rep number{};
  get(in, number, flexible);
  value = base::Strong<Tag, Rep>(number);
}
template <class Rep, class Period>
void get(Reader& in, std::chrono::duration<Rep, Period>& value, bool flexible) {
  Rep number{};
  get(in, number, flexible);
  value = std::chrono::duration<Rep, Period>(number);
}

// True when there is a value, false for null and after an error.
inline bool get_present(Reader& in, std::string& value, bool flexible, bool nullable) {
  const auto text = in.string(flexible, nullable);
  if (text) value.assign(*text);
  return text.has_value();
}
template <class Tag>
bool get_present(Reader& in, base::StrongString<Tag>& value, bool flexible, bool nullable) {
  const auto text = in.string(flexible, nullable);
  if (text) value = base::StrongString<Tag>(*text);
  return text.has_value();
}
inline bool get_present(Reader& in, base::SharedBytes& value, bool flexible, bool nullable) {
  auto bytes = in.sized_bytes(flexible, nullable);
  if (bytes) value = std::move(*bytes);
  return bytes.has_value();
}
inline bool get_present(Reader& in, base::ByteChain& value, bool flexible, bool nullable) {
  auto bytes = in.sized_bytes(flexible, nullable);
  if (bytes) value = base::ByteChain(std::move(*bytes));
  return bytes.has_value();
}

inline void get(Reader& in, std::string& value, bool flexible) {
  get_present(in, value, flexible, false);
}
template <class Tag>
void get(Reader& in, base::StrongString<Tag>& value, bool flexible) {
  get_present(in, value, flexible, false);
}
inline void get(Reader& in, base::SharedBytes& value, bool flexible) {
  get_present(in, value, flexible, false);
}

// Elements are made one by one, each charged before it exists; only a few are preallocated.
template <class T, class GetOne>
bool get_elements(Reader& in, std::vector<T>& values, bool flexible, bool nullable,
                  const GetOne& get_one) {
  const auto count = in.array(flexible, nullable);
  if (!count) return false;
  values.clear();  // a tagged array may come twice: the last one counts, as in Kafka
  values.reserve(std::min(*count, kElementsPreallocatedMax));
  for (std::size_t i = 0; i < *count && in.ok(); ++i) {
    if (!in.charge(sizeof(T))) break;
    get_one(values.emplace_back());
  }
  return true;
}

template <class T>
bool get_present(Reader& in, std::vector<T>& values, bool flexible, bool nullable) {
  return get_elements(in, values, flexible, nullable,
                      [&in, flexible](T& value) { get(in, value, flexible); });
}
template <class T>
void get(Reader& in, std::vector<T>& values, bool flexible) {
  get_present(in, values, flexible, false);
}
template <class T>
void get_nullable(Reader& in, std::optional<T>& value, bool flexible, bool nullable) {
  if (!get_present(in, value.emplace(), flexible, nullable)) value.reset();
}

// ---- get: structs.

template <class T>
bool get_structs(Reader& in, std::vector<T>& values, bool flexible, std::int16_t version,
                 bool nullable = false) {
  return get_elements(in, values, flexible, nullable,
                      [&in, version](T& value) { get(in, value, version); });
}
template <class T>
void get_nullable_structs(Reader& in, std::optional<std::vector<T>>& values, bool flexible,
                          bool nullable, std::int16_t version) {
  if (!get_structs(in, values.emplace(), flexible, version, nullable)) values.reset();
}
template <class T>
void get_nullable_struct(Reader& in, std::optional<T>& value, bool nullable, bool tagged,
                         std::int16_t version) {
  const bool present = !nullable || (tagged ? in.uvarint() != 0 : in.i8() >= 0);
  if (present) {
    get(in, value.emplace(), version);
  } else {
    value.reset();
  }
}

// ---- whole messages.

template <class Message>
bool has_version(std::int16_t version) {
  return version >= Message::kMinVersion && version <= Message::kMaxVersion;
}
template <class Message>
std::size_t size_message(const Message& message, std::int16_t version) {
  Sizer size;
  if (has_version<Message>(version)) put(size, message, version);
  return size.size();
}
template <class Message>
void encode_message(const Message& message, std::int16_t version, Writer& out) {
  if (!has_version<Message>(version)) {
    out.fail(WireError::kUnsupportedVersion);
    return;
  }
  put(out, message, version);
}
template <class Message>
std::expected<void, WireError> decode_message(Message& message, std::int16_t version, Reader& in) {
  message = Message{};
  if (has_version<Message>(version)) {
    get(in, message, version);
  } else {
    in.fail(WireError::kUnsupportedVersion);
  }
  return in.status();
}

}  // namespace moldau::wire::internal
