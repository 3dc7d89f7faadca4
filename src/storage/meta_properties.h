// meta.properties: whose a data directory is. Version 0 (cluster.id and broker.id, both optional)
// is kept when it is found; version 1 (cluster.id and node.id required) is what we write. Source:
// metadata/.../properties/{MetaProperties,MetaPropertiesEnsemble}.java. Value type; any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/uuid.h"

namespace moldau::storage {

inline constexpr std::string_view kMetaPropertiesName = "meta.properties";

struct MetaProperties {
  std::int32_t version = 1;
  std::optional<std::string> cluster_id;
  std::optional<base::BrokerId> node_id;  // broker.id in version 0
  std::optional<base::DirectoryId> directory_id;

  // The file's text, without a date so that equal content gives equal bytes.
  [[nodiscard]] std::string to_text() const;
  // The error says which line or key is wrong.
  [[nodiscard]] static std::expected<MetaProperties, std::string> parse(std::string_view text);

  friend bool operator==(const MetaProperties&, const MetaProperties&) = default;
};

}  // namespace moldau::storage
