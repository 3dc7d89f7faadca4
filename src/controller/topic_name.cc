#include "controller/topic_name.h"

#include <algorithm>

namespace moldau::controller {

std::optional<std::string> topic_name_problem(std::string_view name) {
  if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
  const auto quoted = [&] { return "'" + std::string(name) + "'"; };
  if (name == "." || name == "..") {
    return "Topic name is invalid: " + quoted() + " is not allowed";
  }
  if (name.size() > kTopicNameBytesMax) {
    return "Topic name is invalid: the length of " + quoted() +
           " is longer than the max allowed length " + std::to_string(kTopicNameBytesMax);
  }
  const bool legal = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (legal) return std::nullopt;
  return "Topic name is invalid: " + quoted() +
         " contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
}

bool has_collision_characters(std::string_view name) {
  return name.find_first_of("._") != std::string_view::npos;
}

std::string unified_topic_name(std::string_view name) {
  std::string unified(name);
  std::ranges::replace(unified, '.', '_');
  return unified;
}

}  // namespace moldau::controller
