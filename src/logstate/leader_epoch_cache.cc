#include "logstate/leader_epoch_cache.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace moldau::logstate {
namespace {

// Frozen.
constexpr std::int32_t kCheckpointVersion = 0;

}  // namespace

bool LeaderEpochCache::assign(base::LeaderEpoch epoch, base::Offset start_offset) {
  if (epoch < base::LeaderEpoch(0) || start_offset < base::Offset(0)) return false;
  if (!entries_.empty()) {
    const EpochEntry& latest = entries_.back();
    if (latest.epoch == epoch && start_offset >= latest.start_offset) return false;
  }
  while (!entries_.empty() &&
         (entries_.back().epoch >= epoch || entries_.back().start_offset >= start_offset)) {
    entries_.pop_back();
  }
  entries_.push_back({.epoch = epoch, .start_offset = start_offset});
  return true;
}

bool LeaderEpochCache::truncate_from_end(base::Offset end_offset) {
  if (end_offset < base::Offset(0)) return false;
  const std::size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().start_offset >= end_offset) entries_.pop_back();
  return entries_.size() != before;
}

bool LeaderEpochCache::truncate_from_start(base::Offset start_offset) {
  const auto kept = std::ranges::find_if(
      entries_, [&](const EpochEntry& entry) { return entry.start_offset > start_offset; });
  if (kept == entries_.begin()) return false;
  const EpochEntry first{.epoch = std::prev(kept)->epoch, .start_offset = start_offset};
  if (kept == entries_.begin() + 1 && entries_.front() == first) return false;
  entries_.erase(entries_.begin(), kept - 1);
  entries_.front() = first;
  return true;
}

std::optional<EpochEntry> LeaderEpochCache::latest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back();
}

std::optional<EpochEntry> LeaderEpochCache::earliest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front();
}

std::optional<EpochEntry> LeaderEpochCache::entry_for(base::LeaderEpoch epoch) const {
  const auto found = std::ranges::lower_bound(entries_, epoch, {}, &EpochEntry::epoch);
  if (found == entries_.end() || found->epoch != epoch) return std::nullopt;
  return *found;
}

std::optional<base::LeaderEpoch> LeaderEpochCache::epoch_for_offset(base::Offset offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &EpochEntry::start_offset);
  if (after == entries_.begin()) return std::nullopt;
  return std::prev(after)->epoch;
}

EpochEndOffset LeaderEpochCache::end_offset_for(base::LeaderEpoch requested,
                                                base::Offset log_end_offset) const {
  if (requested == base::kNoLeaderEpoch || entries_.empty()) return {};
  if (requested == entries_.back().epoch) {
    return {.epoch = requested, .end_offset = log_end_offset};
  }
  const auto higher = std::ranges::upper_bound(entries_, requested, {}, &EpochEntry::epoch);
  if (higher == entries_.end()) return {};
  const base::LeaderEpoch epoch = higher == entries_.begin() ? requested : std::prev(higher)->epoch;
  return {.epoch = epoch, .end_offset = higher->start_offset};
}

std::string encode_leader_epochs(const std::vector<EpochEntry>& entries) {
  std::string text =
      std::to_string(kCheckpointVersion) + "\n" + std::to_string(entries.size()) + "\n";
  for (const EpochEntry& entry : entries) {
    text += std::to_string(entry.epoch.value()) + " " + std::to_string(entry.start_offset.value()) +
            "\n";
  }
  return text;
}

namespace {

// Takes lines and numbers from a text.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  std::string_view line() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return line;
  }

 private:
  std::string_view rest_;
};

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::expected<std::vector<EpochEntry>, std::string> decode_leader_epochs(std::string_view text) {
  std::vector<EpochEntry> entries;
  if (text.empty()) return entries;
  LineReader lines(text);
  std::int32_t version = 0;
  if (!parse(lines.line(), version)) return std::unexpected("its first line is not a version");
  if (version != kCheckpointVersion) {
    return std::unexpected("its version " + std::to_string(version) + " is not known");
  }
  std::uint32_t count = 0;
  if (!parse(lines.line(), count)) return std::unexpected("its second line is not a count");
  while (!lines.at_end()) {
    const std::string_view line = lines.line();
    const std::size_t space = line.find(' ');
    std::int32_t epoch = 0;
    std::int64_t offset = 0;
    if (space == line.npos || !parse(line.substr(0, space), epoch) ||
        !parse(line.substr(space + 1), offset) || epoch < 0 || offset < 0) {
      return std::unexpected("line " + std::to_string(entries.size() + 3) + " is malformed");
    }
    entries.push_back({.epoch = base::LeaderEpoch(epoch), .start_offset = base::Offset(offset)});
  }
  if (entries.size() != count) {
    return std::unexpected("it has " + std::to_string(entries.size()) + " entries and says " +
                           std::to_string(count));
  }
  return entries;
}

}  // namespace moldau::logstate
