// FieldFiller sets each field that it is shown to a drawn value, with edges far more often than
// chance would. Visitor of the generated visit_fields(). Test code only.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/strong.h"
#include "base/uuid.h"
#include "wire/error_code.h"
#include "wire/reader.h"
#include "wire/testing/sample.h"
#include "wire/unknown_tag.h"

namespace moldau::wire::testing {

class FieldFiller {
 public:
  FieldFiller(base::Rng& rng, Draw how) : rng_(rng), how_(how) {}

  template <class T>
  void value(const char*, T& field, bool) {
    if (how_ != Draw::kBare) fill(field);
  }
  template <class T>
  void value(const char*, std::optional<T>& field, bool nullable) {
    if (how_ == Draw::kBare) {
      // Null where this version has no null: as good as empty.
      if (!nullable && !field) field.emplace();
    } else if (nullable && draw_null()) {
      field.reset();
    } else {
      fill(field.emplace());
    }
  }
  template <class T>
  void structure(const char*, T& field, bool, std::int16_t version) {
    if (how_ != Draw::kDefault) visit_fields(*this, field, version);
  }
  template <class T>
  void structure(const char*, std::optional<T>& field, bool nullable, std::int16_t version) {
    if (nullable && draw_null()) {
      field.reset();
    } else {
      visit_fields(*this, field.emplace(), version);
    }
  }
  template <class T>
  void structs(const char*, std::vector<T>& field, bool, std::int16_t version) {
    field.clear();
    const std::size_t count = draw_count(kStructsMax);
    for (std::size_t i = 0; i < count; ++i) visit_fields(*this, field.emplace_back(), version);
  }
  template <class T>
  void structs(const char* name, std::optional<std::vector<T>>& field, bool nullable,
               std::int16_t version) {
    if (nullable && draw_null()) {
      field.reset();
    } else {
      structs(name, field.emplace(), false, version);
    }
  }
  void unknown_tags(UnknownTags& tags, std::uint32_t first_free) {
    if (how_ == Draw::kEmpty || how_ == Draw::kBare) return;
    if (how_ == Draw::kRandom && !rng_.chance(1, 4)) return;
    const std::uint32_t near = first_free + static_cast<std::uint32_t>(rng_.below(4));
    tags.push_back({.tag = near, .bytes = draw_bytes()});
    if (how_ == Draw::kOne) return;
    if (rng_.chance(1, 3)) tags.push_back({.tag = near + 1, .bytes = draw_bytes()});
    if (rng_.chance(1, 3)) tags.push_back({.tag = kTagMax, .bytes = draw_bytes()});
  }

 private:
  static constexpr std::size_t kStructsMax = 4;
  static constexpr std::size_t kScalarsMax = 5;
  // Elements of all arrays of one instance; nested arrays would grow without end.
  static constexpr std::size_t kElementsOfOneInstance = 300;
  static constexpr std::uint32_t kTagMax = 0x7ffffffe;

  bool draw_null() { return how_ == Draw::kEmpty || (how_ == Draw::kRandom && rng_.chance(1, 4)); }

  std::size_t draw_count(std::size_t usual_max) {
    if (how_ == Draw::kEmpty) return 0;
    std::size_t count = rng_.below(usual_max);
    if (how_ == Draw::kOne || how_ == Draw::kBare) return 1;
    if (how_ == Draw::kMax) count = 1;
    // 127 elements are the first that need two bytes of length.
    if (rng_.chance(1, 60)) count = 126 + rng_.below(4);
    count = std::min(count, kElementsOfOneInstance - elements_);
    elements_ += count;
    return count;
  }

  template <std::integral T>
  void fill(T& number) {
    constexpr T kMax = std::numeric_limits<T>::max();
    constexpr T kMin = std::numeric_limits<T>::min();
    if (how_ == Draw::kEmpty) {
      number = 0;
    } else if (how_ == Draw::kMax || how_ == Draw::kOne) {
      number = kMax;
    } else {
      switch (rng_.below(6)) {
        case 0:
          number = rng_.chance(1, 2) ? kMax : kMin;
          break;
        case 1:
          number = static_cast<T>(-1);
          break;
        case 2:
          number = static_cast<T>(rng_.below(4));
          break;
        default:
          number = static_cast<T>(rng_.next());
      }
    }
  }
  void fill(bool& flag) {
    flag = how_ == Draw::kMax || how_ == Draw::kOne || (how_ == Draw::kRandom && rng_.chance(1, 2));
  }
  void fill(double& number) {
    if (how_ == Draw::kEmpty) {
      number = 0;
    } else if (rng_.chance(1, 4)) {
      number = rng_.chance(1, 2) ? -0.0 : std::numeric_limits<double>::infinity();
    } else {
      number = static_cast<double>(static_cast<std::int64_t>(rng_.next())) / 1024.0;
    }
  }
  void fill(ErrorCode& code) {
    std::int16_t number = 0;
    fill(number);
    code = static_cast<ErrorCode>(number);
  }
  template <class Tag, class Rep>
  void fill(base::Strong<Tag, Rep>& id) {
    Rep number{};
    fill(number);
    id = base::Strong<Tag, Rep>(number);
  }
  template <class Rep, class Period>
  void fill(std::chrono::duration<Rep, Period>& time) {
    Rep number{};
    fill(number);
    time = std::chrono::duration<Rep, Period>(number);
  }
  void fill(base::Uuid& id) {
    fill(id.msb);
    fill(id.lsb);
  }
  template <class Tag>
  void fill(base::StrongUuid<Tag>& id) {
    fill(id.uuid);
  }
  void fill(std::string& text) { text = draw_text(); }
  template <class Tag>
  void fill(base::StrongString<Tag>& text) {
    text = base::StrongString<Tag>(draw_text());
  }
  void fill(base::SharedBytes& bytes) { bytes = draw_bytes(); }
  void fill(base::ByteChain& records) {
    records = base::ByteChain(draw_bytes());
    if (rng_.chance(1, 3)) records.append(draw_bytes());
  }
  template <class T>
  void fill(std::vector<T>& values) {
    values.clear();
    const std::size_t count = draw_count(kScalarsMax);
    for (std::size_t i = 0; i < count; ++i) fill(values.emplace_back());
  }

  // Lengths around the places where a length prefix grows.
  std::size_t draw_length() {
    if (how_ == Draw::kEmpty) return 0;
    if (how_ == Draw::kOne) return 1 + rng_.below(3);
    if (how_ == Draw::kMax && !long_drawn_ && rng_.chance(1, 4)) {
      long_drawn_ = true;
      return kStringBytesMax;
    }
    switch (rng_.below(16)) {
      case 0:
        return how_ == Draw::kMax ? 1 : 0;
      case 1:
        return 126 + rng_.below(3);
      case 2:
        return kSpliced + rng_.below(3) - 1;
      default:
        return 1 + rng_.below(12);
    }
  }
  static constexpr std::size_t kSpliced = 1024;

  std::string draw_text() {
    constexpr std::string_view kAscii = "abcdefghijklmnopqrstuvwxyz-._ABC0123456789\"\\\n";
    const std::size_t length = draw_length();
    std::string text;
    text.reserve(length);
    while (text.size() < length) {
      // Valid UTF-8 only: Java has no way to keep other bytes in a string.
      const std::size_t left = length - text.size();
      if (left >= 4 && rng_.chance(1, 20)) {
        text += "\xF0\x9F\x8C\x8A";
      } else if (left >= 2 && rng_.chance(1, 20)) {
        text += "\xC5\x99";
      } else {
        text += kAscii[rng_.below(kAscii.size())];
      }
    }
    return text;
  }

  base::SharedBytes draw_bytes() {
    base::ByteBuffer buffer;
    for (std::byte& b : buffer.extend(draw_length())) b = static_cast<std::byte>(rng_.next());
    return buffer.freeze();
  }

  base::Rng& rng_;
  Draw how_;
  std::size_t elements_ = 0;
  bool long_drawn_ = false;
};

}  // namespace moldau::wire::testing
