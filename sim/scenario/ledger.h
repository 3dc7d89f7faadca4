// Ledger is the memory of a scenario: what producers sent, what was acknowledged, what readers saw,
// and the rules that a log keeps towards its clients. It is told by the clients of a world and
// finds what cannot be: an acknowledged record that is missing, twice, out of order or at another
// offset; an offset that held something else before; an end or a start that went back. Outside the
// seam: no clock, no chance. Only the first problems are kept in words (kProblemsMax).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace moldau::sim {

inline constexpr std::size_t kProblemsMax = 20;

class Problems {
 public:
  void add(std::string text) {
    ++count_;
    if (texts_.size() < kProblemsMax) texts_.push_back(std::move(text));
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::size_t count_ = 0;
  std::vector<std::string> texts_;
};

// What a producer was promised for its records.
enum class Promise : std::uint8_t {
  kExactlyOnce,  // idempotent: each once, in order
  kAtLeastOnce,  // without a producer id: what is acknowledged is there, it may be repeated
  kNothing,      // acks=0
};

// A record as the scenario names it: who sent it, and which one of that producer's records to this
// partition it is, from 0.
struct RecordName {
  std::int32_t producer = 0;
  std::int64_t number = 0;

  friend bool operator==(const RecordName&, const RecordName&) = default;
};

[[nodiscard]] std::string key_of(RecordName name);
[[nodiscard]] std::optional<RecordName> name_of(std::string_view key);
// The content of a record follows from its name and the partition it was sent to.
[[nodiscard]] std::string value_of(std::string_view partition, RecordName name,
                                   std::size_t bytes_max);

class PartitionLedger {
 public:
  PartitionLedger(std::string name, Problems& problems)
      : name_(std::move(name)), problems_(&problems) {}

  [[nodiscard]] const std::string& name() const { return name_; }

  // The next record of this producer.
  RecordName send(std::int32_t producer, Promise promise = Promise::kExactlyOnce);
  // The offset is missing when the broker only said that it knows the batch.
  void acknowledge(RecordName record, std::optional<base::Offset> offset);
  void see(base::Offset offset, RecordName record);
  // What ListOffsets answered to a question that was asked when `durable` was the acknowledged end.
  void told(base::Offset durable, base::Offset earliest, base::Offset latest);
  // Somebody who was entitled to it cut the log back to `end`: what was there is forgotten.
  void cut(base::Offset end);
  // After the last acknowledged record.
  [[nodiscard]] base::Offset acknowledged_end() const { return acknowledged_end_; }

  // One pass of a reader over the whole partition, in the order it was given the records.
  struct Read {
    base::Offset offset;
    RecordName record;
  };
  // `all_settled`: whatever was sent was also acknowledged, so it must be there.
  void check_whole(const std::vector<Read>& reads, base::Offset start, bool all_settled);

 private:
  struct Sender {
    Promise promise = Promise::kExactlyOnce;
    std::int64_t sent = 0;
    std::map<std::int64_t, std::optional<base::Offset>> acknowledged;
  };
  void problem(const std::string& text) { problems_->add(name_ + ": " + text); }
  void check_order(const std::vector<Read>& reads, base::Offset start);
  void check_acknowledged(const std::vector<Read>& reads, base::Offset start);
  void check_all_there(const std::vector<Read>& reads);
  [[nodiscard]] bool exactly_once(std::int32_t producer) const;

  std::string name_;
  Problems* problems_;
  std::map<std::int32_t, Sender> senders_;
  std::map<base::Offset, RecordName> known_;  // by acknowledgement or reading
  base::Offset acknowledged_end_{0};
  base::Offset earliest_{0};
  base::Offset latest_{0};
};

}  // namespace moldau::sim
