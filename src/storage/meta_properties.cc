#include "storage/meta_properties.h"

#include "storage/internal/text.h"

namespace moldau::storage {

namespace {

constexpr std::string_view kVersion = "version";
constexpr std::string_view kClusterId = "cluster.id";
constexpr std::string_view kNodeId = "node.id";
constexpr std::string_view kBrokerId = "broker.id";
constexpr std::string_view kDirectoryId = "directory.id";

void append_line(std::string& text, std::string_view key, std::string_view value) {
  text.append(key).append("=").append(value).append("\n");
}

std::unexpected<std::string> bad_value(std::string_view key, std::string_view value,
                                       std::string_view wanted) {
  return std::unexpected(std::string(key) + " is \"" + std::string(value) + "\", wanted " +
                         std::string(wanted));
}

struct RawValues {
  std::optional<std::int32_t> version;
  std::optional<base::BrokerId> node_id;
  std::optional<base::BrokerId> broker_id;
};

std::expected<void, std::string> take_value(std::string_view key, std::string_view value,
                                            RawValues& raw, MetaProperties& into) {
  const auto number = internal::parse_number<std::int32_t>(value);
  if (key == kVersion) {
    if (!number.has_value()) return bad_value(key, value, "a number");
    raw.version = *number;
  } else if (key == kClusterId) {
    into.cluster_id = std::string(value);
  } else if (key == kNodeId || key == kBrokerId) {
    if (!number.has_value()) return bad_value(key, value, "a number");
    (key == kNodeId ? raw.node_id : raw.broker_id) = base::BrokerId(*number);
  } else if (key == kDirectoryId) {
    const auto id = base::Uuid::parse(value);
    if (!id.has_value()) return bad_value(key, value, "22 characters of base64");
    into.directory_id = base::DirectoryId(*id);
  }
  return {};  // Other keys are left alone, as Kafka does.
}

}  // namespace

std::string MetaProperties::to_text() const {
  std::string text = "#\n";
  append_line(text, kVersion, std::to_string(version));
  if (cluster_id.has_value()) append_line(text, kClusterId, *cluster_id);
  if (node_id.has_value()) {
    append_line(text, version == 0 ? kBrokerId : kNodeId, std::to_string(node_id->value()));
  }
  if (directory_id.has_value()) append_line(text, kDirectoryId, directory_id->to_string());
  return text;
}

std::expected<MetaProperties, std::string> MetaProperties::parse(std::string_view text) {
  MetaProperties meta;
  RawValues raw;
  while (!text.empty()) {
    const std::string_view line = internal::trimmed(internal::take_line(text));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const std::size_t split = line.find_first_of("=:");
    const std::string_view key = internal::trimmed(line.substr(0, split));
    const std::string_view value = split == std::string_view::npos
                                       ? std::string_view{}
                                       : internal::trimmed(line.substr(split + 1));
    if (const auto taken = take_value(key, value, raw, meta); !taken) {
      return std::unexpected(taken.error());
    }
  }
  meta.version = raw.version.value_or(0);
  if (meta.version != 0 && meta.version != 1) {
    return std::unexpected("version is " + std::to_string(meta.version) + ", wanted 0 or 1");
  }
  meta.node_id = meta.version == 0 ? raw.broker_id : raw.node_id;
  if (meta.version == 1 && !meta.cluster_id.has_value()) {
    return std::unexpected(std::string("cluster.id is missing"));
  }
  if (meta.version == 1 && !meta.node_id.has_value()) {
    return std::unexpected(std::string("node.id is missing"));
  }
  return meta;
}

}  // namespace moldau::storage
