// Reads typed values of broker keys out of layers, and collects what is wrong. A value that does
// not parse is reported once and replaced by the default, so that one run finds all problems. Used
// only while a BrokerConfig is built.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/broker_config.h"

namespace moldau::config::internal {

class ValuesReader {
 public:
  ValuesReader(const Layers& layers, const Properties& properties)
      : layers_(layers), properties_(properties) {}

  [[nodiscard]] bool boolean(std::string_view key);
  [[nodiscard]] std::int64_t int64(std::string_view key);
  [[nodiscard]] std::int32_t int32(std::string_view key) {
    return static_cast<std::int32_t>(int64(key));
  }
  [[nodiscard]] std::optional<std::int64_t> maybe_int64(std::string_view key);
  [[nodiscard]] base::Milliseconds64 milliseconds(std::string_view key) {
    return base::Milliseconds64(int64(key));
  }
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view key);
  [[nodiscard]] std::vector<std::string> list(std::string_view key);
  [[nodiscard]] bool is_set(std::string_view key) const { return properties_.contains(key); }

  // No error was reported about the key; what follows from a bad value is not worth telling.
  [[nodiscard]] bool is_good(std::string_view key) const { return !reported_.contains(key); }
  // Reports an error about a key; `message` is the whole text.
  void error(std::string_view key, std::string message);
  void require(bool condition, std::string_view key, std::string_view message) {
    if (!condition) error(key, std::string(message));
  }

  [[nodiscard]] std::vector<Problem> take_problems() { return std::move(problems_); }

 private:
  [[nodiscard]] Value value(std::string_view key);

  const Layers& layers_;
  const Properties& properties_;
  std::vector<Problem> problems_;
  std::set<std::string, std::less<>> reported_;
};

// Listeners, advertised listeners, security protocols, the quorum's addresses.
void read_listeners(ValuesReader& values, BrokerConfig& config);
void read_quorum(ValuesReader& values, BrokerConfig& config);
// What must hold between keys.
void check_settings(ValuesReader& values, const BrokerConfig& config);

}  // namespace moldau::config::internal
