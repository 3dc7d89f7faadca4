// Printer writes a message as one line: FetchRequest(replica_id=-1,
// topics=[FetchTopic(topic="a")]), or as a JSON object. Bytes and records are shown by their size,
// except in JSON, where bytes are base64 as Kafka prints them. Text that is not plain is escaped.
// Output stops growing at kPrintedBytesMax and then ends in "...". Used by the generated print().
// One owner, any loop.
#pragma once

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

namespace moldau::wire {

inline constexpr std::size_t kPrintedBytesMax = std::size_t{1} << 20;

enum class PrintStyle : std::uint8_t { kText, kJson };

class Printer {
 public:
  explicit Printer(std::string& out, PrintStyle style = PrintStyle::kText)
      : out_(out), style_(style), limit_(out.size() + kPrintedBytesMax) {}

  // Outside of any message, as it is.
  void text(std::string_view plain) { append(plain); }

  void open(std::string_view type);
  void close();

  template <class T>
  void field(std::string_view name, const T& value_of) {
    key(name);
    value(value_of);
  }
  template <class T>
  void structure(std::string_view name, const T& value_of, std::int16_t version) {
    key(name);
    print_fields(*this, value_of, version);
  }
  template <class T>
  void structure(std::string_view name, const std::optional<T>& value_of, std::int16_t version) {
    key(name);
    value_of ? print_fields(*this, *value_of, version) : null();
  }
  template <class T>
  void structures(std::string_view name, const std::vector<T>& values, std::int16_t version) {
    key(name);
    list(values, version);
  }
  template <class T>
  void structures(std::string_view name, const std::optional<std::vector<T>>& values,
                  std::int16_t version) {
    key(name);
    values ? list(*values, version) : null();
  }
  void unknown_tags(const UnknownTags& tags);

  void value(bool flag) { append(flag ? "true" : "false"); }
  template <std::integral T>
  void value(T number) {
    integer(static_cast<std::int64_t>(number));
  }
  void value(double number);
  void value(ErrorCode code);
  void value(const base::Uuid& id) { quoted(id.to_string()); }
  template <class Tag>
  void value(const base::StrongUuid<Tag>& id) {
    value(id.uuid);
  }
  template <class Tag, class Rep>
  void value(base::Strong<Tag, Rep> id) {
    value(id.value());
  }
  template <class Rep, class Period>
  void value(std::chrono::duration<Rep, Period> time) {
    value(time.count());
  }
  void value(const std::string& text) { quoted(text); }
  template <class Tag>
  void value(const base::StrongString<Tag>& text) {
    quoted(text.view());
  }
  void value(const base::SharedBytes& bytes);
  void value(const base::ByteChain& records);
  template <class T>
  void value(const std::vector<T>& values) {
    const char* separator = "";
    append("[");
    for (const T& each : values) {
      if (full()) break;
      append(separator);
      value(each);
      separator = comma();
    }
    append("]");
  }
  template <class T>
  void value(const std::optional<T>& maybe) {
    maybe ? value(*maybe) : null();
  }

 private:
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] const char* comma() const { return style_ == PrintStyle::kJson ? "," : ", "; }
  void key(std::string_view name);
  void append(std::string_view text);
  void integer(std::int64_t number);
  void quoted(std::string_view text);
  void null() { append("null"); }
  template <class T>
  void list(const std::vector<T>& values, std::int16_t version) {
    const char* separator = "";
    append("[");
    for (const T& each : values) {
      if (full()) break;
      append(separator);
      print_fields(*this, each, version);
      separator = comma();
    }
    append("]");
  }

  std::string& out_;
  PrintStyle style_;
  std::size_t limit_;
  bool first_ = true;
  bool full_ = false;
};

}  // namespace moldau::wire
