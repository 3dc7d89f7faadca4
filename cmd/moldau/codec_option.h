// --codec and --level of the commands that produce.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "record/compression.h"

namespace moldau::cmd {

struct CodecOption {
  int codec = 0;  // the number that a batch carries
  std::optional<int> level;

  void add_to(CLI::App& command) {
    const std::map<std::string, int> codecs{
        {"none", 0}, {"gzip", 1}, {"snappy", 2}, {"lz4", 3}, {"zstd", 4}};
    command.add_option("--codec,-z", codec, "Compression: none, gzip, snappy, lz4 or zstd")
        ->transform(CLI::CheckedTransformer(codecs).description(""))
        ->type_name("CODEC");
    command.add_option("--level", level, "Level of the codec (default: Kafka's)");
  }
  [[nodiscard]] record::Compression compression() const {
    return {.codec = static_cast<record::Codec>(codec), .level = level};
  }
};

// --acks: "all" is -1, as in Kafka.
inline void add_acks_option(CLI::App& command, int& acks) {
  const std::map<std::string, int> names{{"all", -1}, {"1", 1}, {"0", 0}, {"-1", -1}};
  command
      .add_option("--acks", acks,
                  "Who must have a record: all in-sync replicas, 1 (the leader) or 0 (nobody says)")
      ->transform(CLI::CheckedTransformer(names).description(""))
      ->type_name("all|1|0");
}

}  // namespace moldau::cmd
