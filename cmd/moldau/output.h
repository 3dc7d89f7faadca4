// How commands speak to people and programs: tables with aligned columns, bold heads on a terminal
// only; one JSON document per answer with --json; numbers with their units.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/bytes.h"
#include "base/time.h"

namespace moldau::cmd {

[[nodiscard]] bool is_terminal(int descriptor);

class Table {
 public:
  // A head that starts with '>' makes a column of numbers: aligned to the right.
  explicit Table(std::vector<std::string> heads);
  void add(std::vector<std::string> row);
  // To standard output.
  void print() const;

 private:
  std::vector<std::string> heads_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

void print_json(const boost::json::value& document);
// "moldau: <message>" on standard error.
void print_error(std::string_view message);

// "12.3 MB", "950 B"; decimal units.
[[nodiscard]] std::string human_bytes(double bytes);
// "1,234,567".
[[nodiscard]] std::string human_count(std::uint64_t count);
// "1.25 ms", "3.4 s".
[[nodiscard]] std::string human_duration(base::Duration duration);
// "2026-01-31T12:00:00.123Z"; empty for none.
[[nodiscard]] std::string iso_time(base::Timestamp time);
// What iso_time() prints, also without the fraction or the time of day; in UTC.
[[nodiscard]] std::optional<base::Timestamp> parse_iso_time(const std::string& text);

[[nodiscard]] std::string base64(base::Bytes bytes);
[[nodiscard]] bool is_utf8(base::Bytes bytes);
// Adds `name` with the text, `name`_base64 when it is not UTF-8, null when there is none.
void add_bytes(boost::json::object& object, std::string_view name,
               const std::optional<base::Bytes>& bytes);

}  // namespace moldau::cmd
