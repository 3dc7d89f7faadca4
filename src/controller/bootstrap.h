// The records a new cluster starts with, as `kafka-storage format` writes them: feature levels with
// metadata.version first, then other features by name. activate() puts them into the log when it
// holds none. Pure; any loop. Source: Formatter.java, BootstrapMetadata.java (4.4).
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/metadata_version.h"
#include "metadata/record.h"

namespace moldau::controller {

struct BootstrapOptions {
  metadata::MetadataVersion metadata_version = metadata::kDefaultMetadataVersion;
  // Features by name; kraft.version is not one of them (it is a control record).
  std::map<std::string, std::int16_t> features;
};

// What `--release-version` and `--feature name=level` ask for. Without any: our default. The
// message names what is not served and what is.
[[nodiscard]] std::expected<BootstrapOptions, std::string> bootstrap_options(
    std::optional<std::string_view> release_version,
    const std::map<std::string, std::int16_t>& features);

[[nodiscard]] std::vector<metadata::Record> bootstrap_records(const BootstrapOptions& options);

// The level that bootstrap records give a feature; 0 when they do not name it.
[[nodiscard]] std::int16_t bootstrap_level(const std::vector<metadata::Record>& records,
                                           std::string_view feature);

}  // namespace moldau::controller
