// Uuid is Kafka's 128-bit id: 16 raw bytes on the wire (most significant long first), 22 characters
// of unpadded URL-safe base64 as text. Reserved values as in Kafka: zero, and the metadata topic's
// id (0, 1). Topic ids and directory ids are tagged so that they cannot be mixed. Source:
// clients/.../common/Uuid.java, DirectoryId.java. Value type; free to use on any loop.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/rng.h"

namespace moldau::base {

struct Uuid {
  std::uint64_t msb = 0;
  std::uint64_t lsb = 0;

  [[nodiscard]] constexpr bool is_zero() const { return msb == 0 && lsb == 0; }
  // 22 characters, URL-safe base64 without padding.
  [[nodiscard]] std::string to_string() const;
  // Nothing unless the text is exactly 22 valid characters.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  // A version 4 id whose text does not start with '-' (Kafka's rule, so that command lines accept
  // it).
  [[nodiscard]] static Uuid random(Rng& rng);

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  friend constexpr bool operator==(const Uuid&, const Uuid&) = default;
  friend std::size_t hash_value(const Uuid& id) {
    return static_cast<std::size_t>((id.msb * 0x9E3779B97F4A7C15ULL) ^ id.lsb);
  }
};

inline constexpr Uuid kZeroUuid{};
inline constexpr Uuid kMetadataTopicUuid{.msb = 0, .lsb = 1};

template <class Tag>
struct StrongUuid {
  Uuid uuid;

  constexpr StrongUuid() = default;
  constexpr explicit StrongUuid(Uuid id) : uuid(id) {}
  [[nodiscard]] constexpr const Uuid& value() const { return uuid; }
  [[nodiscard]] constexpr bool is_zero() const { return uuid.is_zero(); }
  [[nodiscard]] std::string to_string() const { return uuid.to_string(); }

  friend constexpr auto operator<=>(const StrongUuid&, const StrongUuid&) = default;
  friend constexpr bool operator==(const StrongUuid&, const StrongUuid&) = default;
  friend std::size_t hash_value(const StrongUuid& id) { return hash_value(id.uuid); }
};

using TopicId = StrongUuid<struct TopicIdTag>;
using DirectoryId = StrongUuid<struct DirectoryIdTag>;

inline constexpr TopicId kMetadataTopicId{kMetadataTopicUuid};
// Directory ids with a meaning of their own; any id with msb 0 and lsb below 100 is reserved.
inline constexpr DirectoryId kDirectoryMigrating{Uuid{.msb = 0, .lsb = 0}};
inline constexpr DirectoryId kDirectoryUnassigned{Uuid{.msb = 0, .lsb = 1}};
inline constexpr DirectoryId kDirectoryLost{Uuid{.msb = 0, .lsb = 2}};
[[nodiscard]] constexpr bool is_reserved(const DirectoryId& id) {
  return id.uuid.msb == 0 && id.uuid.lsb < 100;
}

}  // namespace moldau::base

template <>
struct std::hash<moldau::base::Uuid> {
  std::size_t operator()(const moldau::base::Uuid& id) const { return hash_value(id); }
};
template <class Tag>
struct std::hash<moldau::base::StrongUuid<Tag>> {
  std::size_t operator()(const moldau::base::StrongUuid<Tag>& id) const { return hash_value(id); }
};
