#include "sim/scenario/ledger.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "base/hash.h"

namespace moldau::sim {
namespace {

std::string text_of(RecordName record) { return "record " + key_of(record); }

std::string text_of(base::Offset offset) { return std::to_string(offset.value()); }

}  // namespace

std::string key_of(RecordName name) {
  return std::to_string(name.producer) + ":" + std::to_string(name.number);
}

std::optional<RecordName> name_of(std::string_view key) {
  RecordName name;
  const char* end = key.data() + key.size();
  const auto producer = std::from_chars(key.data(), end, name.producer);
  if (producer.ec != std::errc() || producer.ptr == end || *producer.ptr != ':') {
    return std::nullopt;
  }
  const auto number = std::from_chars(producer.ptr + 1, end, name.number);
  if (number.ec != std::errc() || number.ptr != end) return std::nullopt;
  return name;
}

std::string value_of(std::string_view partition, RecordName name, std::size_t bytes_max) {
  std::string value = std::string(partition) + "/" + key_of(name) + "/";
  base::Fnv64 hash;
  hash.add(static_cast<std::uint64_t>(name.producer));
  hash.add(static_cast<std::uint64_t>(name.number));
  value.append(hash.value() % (bytes_max + 1), static_cast<char>('a' + name.number % 26));
  return value;
}

RecordName PartitionLedger::send(std::int32_t producer, Promise promise) {
  Sender& sender = senders_[producer];
  sender.promise = promise;
  return {.producer = producer, .number = sender.sent++};
}

void PartitionLedger::acknowledge(RecordName record, std::optional<base::Offset> offset) {
  const auto [at, fresh] = senders_[record.producer].acknowledged.emplace(record.number, offset);
  if (!fresh) problem(text_of(record) + " was acknowledged twice");
  if (!offset) return;
  acknowledged_end_ = std::max(acknowledged_end_, *offset + 1);
  see(*offset, record);
}

void PartitionLedger::see(base::Offset offset, RecordName record) {
  const auto [at, fresh] = known_.emplace(offset, record);
  if (at->second == record) return;
  problem("offset " + text_of(offset) + " held " + text_of(at->second) + ", now it holds " +
          text_of(record));
}

void PartitionLedger::told(base::Offset durable, base::Offset earliest, base::Offset latest) {
  if (latest < durable) {
    problem("the end is told as " + text_of(latest) + ", but records up to " + text_of(durable) +
            " are acknowledged");
  }
  if (latest < latest_) {
    problem("the end went back from " + text_of(latest_) + " to " + text_of(latest));
  }
  if (earliest < earliest_) {
    problem("the start went back from " + text_of(earliest_) + " to " + text_of(earliest));
  }
  if (earliest > latest) {
    problem("the start " + text_of(earliest) + " is after the end " + text_of(latest));
  }
  latest_ = std::max(latest_, latest);
  earliest_ = std::max(earliest_, earliest);
}

void PartitionLedger::cut(base::Offset end) {
  known_.erase(known_.lower_bound(end), known_.end());
  for (auto& [producer, sender] : senders_) {
    std::erase_if(sender.acknowledged,
                  [end](const auto& one) { return one.second && *one.second >= end; });
    sender.sent = sender.acknowledged.empty() ? 0 : sender.acknowledged.rbegin()->first + 1;
  }
  acknowledged_end_ = std::min(acknowledged_end_, end);
  latest_ = std::min(latest_, end);
}

void PartitionLedger::check_whole(const std::vector<Read>& reads, base::Offset start,
                                  bool all_settled) {
  base::Offset next = start;
  for (const Read& read : reads) {
    if (read.offset != next) {
      problem("offset " + text_of(read.offset) + " follows where " + text_of(next) +
              " was expected");
    }
    next = read.offset + 1;
    see(read.offset, read.record);
  }
  check_order(reads, start);
  check_acknowledged(reads, start);
  if (all_settled && start == base::Offset(0)) check_all_there(reads);
}

bool PartitionLedger::exactly_once(std::int32_t producer) const {
  const auto sender = senders_.find(producer);
  return sender == senders_.end() || sender->second.promise == Promise::kExactlyOnce;
}

// An idempotent producer's records come in the order of sending, each once and none left out.
void PartitionLedger::check_order(const std::vector<Read>& reads, base::Offset start) {
  std::map<std::int32_t, std::int64_t> last;
  for (const Read& read : reads) {
    const auto sender = senders_.find(read.record.producer);
    if (sender == senders_.end() || read.record.number >= sender->second.sent) {
      problem(text_of(read.record) + " was never sent");
    }
    if (!exactly_once(read.record.producer)) continue;
    const auto [at, first] = last.emplace(read.record.producer, read.record.number);
    if (first && (start > base::Offset(0) || read.record.number == 0)) continue;
    const std::int64_t before = first ? -1 : at->second;
    if (read.record.number != before + 1) {
      problem(text_of(read.record) + " at offset " + text_of(read.offset) + " follows number " +
              std::to_string(before) + " of its producer");
    }
    at->second = read.record.number;
  }
}

void PartitionLedger::check_acknowledged(const std::vector<Read>& reads, base::Offset start) {
  std::map<base::Offset, RecordName> there;
  std::set<std::pair<std::int32_t, std::int64_t>> names;
  for (const Read& read : reads) {
    there.emplace(read.offset, read.record);
    names.emplace(read.record.producer, read.record.number);
  }
  for (const auto& [producer, sender] : senders_) {
    for (const auto& [number, offset] : sender.acknowledged) {
      if (start > base::Offset(0) && (!offset || *offset < start)) continue;
      const RecordName record{.producer = producer, .number = number};
      if (!names.contains({producer, number})) {
        problem(text_of(record) + " was acknowledged" +
                (offset ? " at offset " + text_of(*offset) : std::string()) + " and is lost");
        continue;
      }
      const auto found = offset ? there.find(*offset) : there.end();
      if (offset && (found == there.end() || found->second != record)) {
        problem(text_of(record) + " was acknowledged at offset " + text_of(*offset) +
                " and is elsewhere");
      }
    }
  }
}

void PartitionLedger::check_all_there(const std::vector<Read>& reads) {
  std::int64_t sent = 0;
  for (const auto& [producer, sender] : senders_) {
    if (sender.promise == Promise::kExactlyOnce) sent += sender.sent;
  }
  const auto found = std::ranges::count_if(
      reads, [this](const Read& read) { return exactly_once(read.record.producer); });
  if (sent != found) {
    problem(std::to_string(sent) + " records were sent, " + std::to_string(found) + " are there");
  }
}

}  // namespace moldau::sim
