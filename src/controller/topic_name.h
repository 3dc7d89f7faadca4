// Which names a topic may have. Pure; any loop. Source: clients/.../internals/Topic.java (4.4).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace moldau::controller {

inline constexpr std::size_t kTopicNameBytesMax = 249;

// Why the name is not allowed, as a client shows it; nothing when it is.
[[nodiscard]] std::optional<std::string> topic_name_problem(std::string_view name);

// Metric names cannot tell '.' from '_': of two names that differ only there, one may exist.
[[nodiscard]] bool has_collision_characters(std::string_view name);
[[nodiscard]] std::string unified_topic_name(std::string_view name);

}  // namespace moldau::controller
