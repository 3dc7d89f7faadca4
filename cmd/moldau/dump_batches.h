// Prints the batches and records of a segment, or of a metadata snapshot, as `moldau log dump`
// shows them: metadata records, control records and the records of Kafka's internal topics are
// decoded.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "record/batch.h"
#include "record/compression.h"

namespace moldau::cmd {

enum class LogContent : std::uint8_t { kData, kMetadata, kGroups, kTransactions, kShareGroups };

struct DumpOptions {
  bool json = false;
  bool records = false;  // print records of data partitions too
};

// What a log directory's name says about its records.
[[nodiscard]] LogContent content_of(std::string_view directory_name);

class BatchDumper {
 public:
  BatchDumper(LogContent content, DumpOptions options) : content_(content), options_(options) {}

  // False when the batch is damaged; the reason is printed.
  bool dump(const record::BatchView& batch, std::uint64_t position);

 private:
  void print_header(const record::BatchHeader& header, std::uint64_t position, bool valid);
  bool print_records(const record::BatchView& batch);
  [[nodiscard]] std::string decoded(const base::SharedBytes& key, const base::SharedBytes& value,
                                    bool control) const;

  LogContent content_;
  DumpOptions options_;
  record::CodecContexts contexts_;
};

}  // namespace moldau::cmd
