// FieldGrower makes one container of an instance longer by one byte or element: the tests find the
// place of its length by that. Visitor of the generated visit_fields(). Test code only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"
#include "wire/unknown_tag.h"

namespace moldau::wire::testing {

class FieldGrower {
 public:
  explicit FieldGrower(std::size_t which) : left_(which) {}

  [[nodiscard]] bool grown() const { return grown_; }
  [[nodiscard]] std::size_t prefix_bytes() const { return prefix_bytes_; }

  template <class T>
  void value(const char*, T& field, bool) {
    grow(field);
  }
  template <class T>
  void structure(const char*, T& field, bool, std::int16_t version) {
    visit_fields(*this, field, version);
  }
  template <class T>
  void structure(const char*, std::optional<T>& field, bool, std::int16_t version) {
    if (field) visit_fields(*this, *field, version);
  }
  template <class T>
  void structs(const char*, std::vector<T>& field, bool, std::int16_t version) {
    const std::size_t count = field.size();
    // A copy: not every struct can be encoded as it is made.
    if (is_this(kArrayPrefix)) field.push_back(count > 0 ? T(field.front()) : T());
    for (std::size_t i = 0; i < count; ++i) visit_fields(*this, field[i], version);
  }
  template <class T>
  void structs(const char* name, std::optional<std::vector<T>>& field, bool nullable,
               std::int16_t version) {
    if (field) structs(name, *field, nullable, version);
  }
  void unknown_tags(UnknownTags& tags, std::uint32_t first_free) {
    for (UnknownTag& tag : tags) grow(tag.bytes);
    const std::uint32_t next = tags.empty() ? first_free : tags.back().tag + 1;
    if (is_this(0)) tags.push_back({.tag = next, .bytes = base::SharedBytes::copy_of("x")});
  }

 private:
  static constexpr std::size_t kStringPrefix = sizeof(std::int16_t);
  static constexpr std::size_t kArrayPrefix = sizeof(std::int32_t);

  bool is_this(std::size_t prefix_bytes) {
    if (grown_ || left_-- > 0) return false;
    grown_ = true;
    prefix_bytes_ = prefix_bytes;
    return true;
  }

  template <class T>
  void grow(T&) {}  // of a fixed size
  void grow(std::string& text) {
    if (is_this(kStringPrefix)) text += 'x';
  }
  template <class Tag>
  void grow(base::StrongString<Tag>& text) {
    if (is_this(kStringPrefix)) text = base::StrongString<Tag>(std::string(text.view()) + 'x');
  }
  void grow(base::SharedBytes& bytes) {
    if (is_this(kArrayPrefix)) {
      bytes = base::SharedBytes::copy_of(std::string(bytes.text()) + 'x');
    }
  }
  void grow(base::ByteChain& records) {
    if (is_this(kArrayPrefix)) records.append(base::SharedBytes::copy_of("x"));
  }
  template <class T>
  void grow(std::vector<T>& values) {
    const std::size_t count = values.size();
    if (is_this(kArrayPrefix)) values.emplace_back();
    for (std::size_t i = 0; i < count; ++i) grow(values[i]);
  }
  template <class T>
  void grow(std::optional<T>& maybe) {
    if (maybe) grow(*maybe);
  }

  std::size_t left_;
  std::size_t prefix_bytes_ = 0;
  bool grown_ = false;
};

}  // namespace moldau::wire::testing
