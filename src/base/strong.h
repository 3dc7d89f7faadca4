// Strong<Tag, Rep> is an integer that cannot be mixed up with another: no implicit conversion in or
// out, comparison and hashing only within one tag. StrongString<Tag> does the same for text.
// Value types; free to use on any loop.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace moldau::base {

template <class Tag, std::integral Rep>
class Strong {
 public:
  using rep = Rep;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(Strong, Strong) = default;
  friend constexpr bool operator==(Strong, Strong) = default;

  // Offsets and epochs move by counts; the sum of two ids of one kind has no meaning.
  friend constexpr Strong operator+(Strong id, Rep count) {
    return Strong(static_cast<Rep>(id.value_ + count));
  }
  friend constexpr Strong operator-(Strong id, Rep count) {
    return Strong(static_cast<Rep>(id.value_ - count));
  }
  friend constexpr Rep operator-(Strong a, Strong b) {
    return static_cast<Rep>(a.value_ - b.value_);
  }
  constexpr Strong& operator+=(Rep count) {
    value_ = static_cast<Rep>(value_ + count);
    return *this;
  }
  friend std::size_t hash_value(Strong id) { return static_cast<std::size_t>(mix(id.value_)); }

 private:
  static constexpr std::uint64_t mix(Rep value) {
    std::uint64_t x = static_cast<std::uint64_t>(value) + 0x9E3779B97F4A7C15ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
  }

  Rep value_{};
};

template <class Tag>
class StrongString {
 public:
  StrongString() = default;
  explicit StrongString(std::string value) : value_(std::move(value)) {}
  explicit StrongString(std::string_view value) : value_(value) {}
  explicit StrongString(const char* value) : value_(value) {}

  [[nodiscard]] const std::string& value() const [[clang::lifetimebound]] { return value_; }
  [[nodiscard]] std::string_view view() const [[clang::lifetimebound]] { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

  friend auto operator<=>(const StrongString&, const StrongString&) = default;
  friend bool operator==(const StrongString&, const StrongString&) = default;
  friend std::size_t hash_value(const StrongString& text) {
    // FNV-1a: the same on each build and machine.
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char c : text.value_) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    }
    return static_cast<std::size_t>(hash);
  }

 private:
  std::string value_;
};

}  // namespace moldau::base

template <class Tag, class Rep>
struct std::hash<moldau::base::Strong<Tag, Rep>> {
  std::size_t operator()(moldau::base::Strong<Tag, Rep> id) const { return hash_value(id); }
};
template <class Tag>
struct std::hash<moldau::base::StrongString<Tag>> {
  std::size_t operator()(const moldau::base::StrongString<Tag>& text) const {
    return hash_value(text);
  }
};
