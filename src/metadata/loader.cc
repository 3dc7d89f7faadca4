#include "metadata/loader.h"

#include <utility>
#include <variant>

namespace moldau::metadata {

Loader::Loader(Image image, Provenance provenance)
    : published_(std::move(image)), provenance_(provenance), delta_(published_) {}

// Whether the record is a marker, which then has taken effect.
std::expected<bool, ApplyError> Loader::apply_marker(const Record& record, base::Offset offset) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(ApplyError{.message = std::string(record_name(record.record)) +
                                                 " at offset " + std::to_string(offset.value()) +
                                                 ": " + std::string(why)});
  };
  if (std::holds_alternative<wire::BeginTransactionRecord>(record.record)) {
    if (in_transaction_) return refuse("a metadata transaction is open already");
    in_transaction_ = true;
    return true;
  }
  const bool ends = std::holds_alternative<wire::EndTransactionRecord>(record.record);
  const bool aborts = std::holds_alternative<wire::AbortTransactionRecord>(record.record);
  if (!ends && !aborts) return false;
  if (!in_transaction_) return refuse("no metadata transaction is open");
  in_transaction_ = false;
  if (aborts) delta_ = Delta(published_);
  return true;
}

void Loader::publish(Provenance at, Changes& changes) {
  changes = delta_.take_changes();
  published_ = delta_.take_image();
  provenance_ = at;
  delta_ = Delta(published_);
}

std::expected<std::optional<Update>, ApplyError> Loader::load(const Batch& batch) {
  Changes changes;
  bool published_before_transaction = false;
  base::Offset offset = batch.base_offset;
  for (const Record& record : batch.records) {
    const bool was_in_transaction = in_transaction_;
    const auto marker = apply_marker(record, offset);
    if (!marker) return std::unexpected(marker.error());
    if (!was_in_transaction && in_transaction_ && !delta_.changes().empty()) {
      // What stands before the transaction does not wait for it.
      publish({.last_offset = offset - 1,
               .last_epoch = batch.epoch,
               .last_append_time = batch.append_time},
              changes);
      published_before_transaction = true;
    }
    if (!*marker) {
      if (auto applied = delta_.apply(record); !applied) {
        applied.error().message += " (offset " + std::to_string(offset.value()) + ")";
        return std::unexpected(applied.error());
      }
    }
    offset += 1;
  }
  if (!in_transaction_) {
    Changes later;
    publish({.last_offset = offset - 1,
             .last_epoch = batch.epoch,
             .last_append_time = batch.append_time},
            later);
    changes.merge(std::move(later));
  } else if (!published_before_transaction) {
    return std::nullopt;
  }
  return Update{.image = published_, .changes = std::move(changes), .provenance = provenance_};
}

}  // namespace moldau::metadata
