// FieldLister writes the text of sample.h. Visitor of the generated visit_fields(). Test code only.
#pragma once

#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"
#include "base/uuid.h"
#include "wire/error_code.h"
#include "wire/unknown_tag.h"

namespace moldau::wire::testing {

class FieldLister {
 public:
  explicit FieldLister(std::string& out) : out_(out) {}

  template <class T>
  void value(std::string_view name, const T& field, bool) {
    const Step step(path_, name);
    list(field);
  }
  template <class T>
  void structure(std::string_view name, T& field, bool, std::int16_t version) {
    const Step step(path_, name);
    line("?", "set");
    visit_fields(*this, field, version);
  }
  template <class T>
  void structure(std::string_view name, std::optional<T>& field, bool, std::int16_t version) {
    const Step step(path_, name);
    line("?", field ? "set" : "null");
    if (field) visit_fields(*this, *field, version);
  }
  template <class T>
  void structs(std::string_view name, std::vector<T>& field, bool, std::int16_t version) {
    const Step step(path_, name);
    line("#", std::to_string(field.size()));
    for (std::size_t i = 0; i < field.size(); ++i) {
      const Step index(path_, i);
      visit_fields(*this, field[i], version);
    }
  }
  template <class T>
  void structs(std::string_view name, std::optional<std::vector<T>>& field, bool nullable,
               std::int16_t version) {
    if (field) {
      structs(name, *field, nullable, version);
      return;
    }
    const Step step(path_, name);
    line("#", "null");
  }
  void unknown_tags(const UnknownTags& tags, std::uint32_t) {
    const Step step(path_, "_tags");
    line("#", std::to_string(tags.size()));
    for (std::size_t i = 0; i < tags.size(); ++i) {
      const Step index(path_, i);
      line("", std::to_string(tags[i].tag) + ":" + base::to_hex(tags[i].bytes.span()));
    }
  }

 private:
  // Extends the path while it lives.
  class Step {
   public:
    Step(std::string& path, std::string_view name) : path_(path), size_(path.size()) {
      if (!path_.empty()) path_ += '.';
      path_ += name;
    }
    Step(std::string& path, std::size_t index) : path_(path), size_(path.size()) {
      path_ += '[' + std::to_string(index) + ']';
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { path_.resize(size_); }

   private:
    std::string& path_;
    std::size_t size_;
  };

  void line(std::string_view mark, std::string_view text) {
    out_ += path_;
    out_ += mark;
    out_ += '=';
    out_ += text;
    out_ += '\n';
  }
  void hex(std::string_view text) { line("", "x" + base::to_hex(base::as_bytes(text))); }

  void list(bool flag) { line("", flag ? "true" : "false"); }
  template <std::integral T>
  void list(T number) {
    line("", std::to_string(number));
  }
  void list(double number) {
    const auto bits = base::Uuid{.msb = std::bit_cast<std::uint64_t>(number), .lsb = 0};
    list(bits);
  }
  void list(ErrorCode code) { list(static_cast<std::int16_t>(code)); }
  template <class Tag, class Rep>
  void list(base::Strong<Tag, Rep> id) {
    list(id.value());
  }
  template <class Rep, class Period>
  void list(std::chrono::duration<Rep, Period> time) {
    list(time.count());
  }
  void list(const base::Uuid& id) {
    std::string text = "x";
    for (const std::uint64_t word : {id.msb, id.lsb}) {
      for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
    }
    line("", text);
  }
  template <class Tag>
  void list(const base::StrongUuid<Tag>& id) {
    list(id.uuid);
  }
  void list(const std::string& text) { hex(text); }
  template <class Tag>
  void list(const base::StrongString<Tag>& text) {
    hex(text.view());
  }
  void list(const base::SharedBytes& bytes) { hex(bytes.text()); }
  void list(const base::ByteChain& records) { hex(records.flatten().text()); }
  template <class T>
  void list(const std::vector<T>& values) {
    line("#", std::to_string(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Step index(path_, i);
      list(values[i]);
    }
  }
  template <class T>
  void list(const std::optional<std::vector<T>>& maybe) {
    maybe ? list(*maybe) : line("#", "null");
  }
  template <class T>
  void list(const std::optional<T>& maybe) {
    maybe ? list(*maybe) : line("", "null");
  }

  std::string& out_;
  std::string path_;
};

}  // namespace moldau::wire::testing
