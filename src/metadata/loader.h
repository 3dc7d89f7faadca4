// Loader turns committed batches of the metadata log into images to publish, and gives metadata
// transactions their meaning (KIP-868): records between Begin and End become visible together,
// those of an aborted transaction never. The published image is at a batch boundary, or just before
// a transaction that is still open. One owner, one loop. Source: MetadataBatchLoader.java (4.4).
#pragma once

#include <expected>
#include <optional>
#include <span>

#include "base/ids.h"
#include "base/time.h"
#include "metadata/delta.h"
#include "metadata/image.h"
#include "metadata/record.h"

namespace moldau::metadata {

// Where in the log an image stands.
struct Provenance {
  base::Offset last_offset{-1};      // of the last record it contains
  base::LeaderEpoch last_epoch{-1};  // of that record's batch
  base::Timestamp last_append_time{-1};

  friend bool operator==(const Provenance&, const Provenance&) = default;
};

struct Update {
  Image image;
  Changes changes;
  Provenance provenance;
};

class Loader {
 public:
  // What the log says before its first record.
  Loader() : Loader(Image{}, Provenance{}) {}
  // Continues after a snapshot.
  Loader(Image image, Provenance provenance);

  struct Batch {
    base::Offset base_offset;
    base::LeaderEpoch epoch;
    base::Timestamp append_time;
    std::span<const Record> records;
  };
  // The next batch. Nothing when there is nothing to publish yet. After an error the loader stays
  // at the record before, and the caller decides whether the node can go on.
  [[nodiscard]] std::expected<std::optional<Update>, ApplyError> load(const Batch& batch);

  [[nodiscard]] const Image& image() const [[clang::lifetimebound]] { return published_; }
  [[nodiscard]] const Provenance& provenance() const [[clang::lifetimebound]] {
    return provenance_;
  }
  [[nodiscard]] bool in_transaction() const { return in_transaction_; }

 private:
  std::expected<bool, ApplyError> apply_marker(const Record& record, base::Offset offset);
  void publish(Provenance at, Changes& changes);

  Image published_;
  Provenance provenance_;
  bool in_transaction_ = false;
  Delta delta_;  // of what is not published yet
};

}  // namespace moldau::metadata
