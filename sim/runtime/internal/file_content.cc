#include "sim/runtime/internal/file_content.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

namespace moldau::sim {
namespace {

// Replays the unsynced changes onto the durable image, leaving out what the seed says.
class Settlement {
 public:
  Settlement(Image image, base::Rng& rng, std::size_t sector_bytes)
      : image_(std::move(image)), rng_(&rng), sector_(sector_bytes) {}

  void write(std::uint64_t position, base::Bytes bytes) {
    // Whole writes survive or vanish often; the third kind is torn.
    const std::uint64_t kind = rng_->below(3);
    while (!bytes.empty()) {
      const std::uint64_t sector = position / sector_;
      const std::size_t count =
          std::min<std::uint64_t>(bytes.size(), (sector + 1) * sector_ - position);
      if (!frozen(sector)) {
        const bool keep = kind == 0 || (kind == 2 && rng_->chance(1, 2));
        if (keep) {
          image_.write(position, bytes.first(count));
        } else {
          frozen_.insert(sector);
        }
      }
      position += count;
      bytes = bytes.subspan(count);
    }
  }

  // The file system committed this size: nothing old shows behind it, whatever happens later.
  void resize_committed(std::uint64_t size) {
    image_.resize(size);
    std::erase_if(frozen_, [&](std::uint64_t sector) { return sector * sector_ >= size; });
  }

  // It did not: blocks behind the new end keep what they had, and what was written there later went
  // to blocks that no one refers to.
  void resize_lost(std::uint64_t size) {
    const std::uint64_t boundary = size / sector_;
    frozen_from_ = std::min(frozen_from_, (size + sector_ - 1) / sector_);
    if (size % sector_ == 0 || frozen(boundary)) return;
    if (rng_->chance(1, 2)) {
      image_.clear(size, (boundary + 1) * sector_ - size);
    } else {
      frozen_.insert(boundary);
    }
  }

  Image finish(std::uint64_t size) {
    image_.resize(size);
    return std::move(image_);
  }

 private:
  [[nodiscard]] bool frozen(std::uint64_t sector) const {
    return sector >= frozen_from_ || frozen_.contains(sector);
  }

  Image image_;
  base::Rng* rng_;
  std::size_t sector_;
  std::unordered_set<std::uint64_t> frozen_;  // looked up, never listed
  std::uint64_t frozen_from_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace

void FileContent::write(std::uint64_t position, std::vector<std::byte> bytes) {
  current_.write(position, bytes);
  changes_.push_back({.version = ++version_,
                      .resize = false,
                      .position = position,
                      .bytes = std::move(bytes),
                      .size_after = current_.size()});
}

void FileContent::resize(std::uint64_t size) {
  current_.resize(size);
  changes_.push_back(
      {.version = ++version_, .resize = true, .position = size, .bytes = {}, .size_after = size});
}

void FileContent::make_durable(std::uint64_t version) {
  auto change = changes_.begin();
  for (; change != changes_.end() && change->version <= version; ++change) {
    if (change->resize) {
      durable_.resize(change->position);
    } else {
      durable_.write(change->position, change->bytes);
    }
  }
  changes_.erase(changes_.begin(), change);
}

void FileContent::make_durable(std::uint64_t version, std::uint64_t from, std::uint64_t upto) {
  const auto covered = [&](const Change& change) { return change.version <= version; };
  const auto sets_size = [&](const Change& change) { return covered(change) && change.resize; };
  if (std::ranges::any_of(changes_, sets_size)) return make_durable(version);
  std::vector<Change> left;
  for (Change& change : changes_) {
    const std::uint64_t end = change.position + change.bytes.size();
    const std::uint64_t first = std::max(change.position, from);
    const std::uint64_t last = std::min(end, upto);
    if (!covered(change) || first >= last) {
      left.push_back(std::move(change));
      continue;
    }
    const base::Bytes bytes = change.bytes;
    const auto keep = [&](std::uint64_t begin, std::uint64_t behind) {
      if (begin >= behind) return;
      const base::Bytes part = bytes.subspan(begin - change.position, behind - begin);
      left.push_back({.version = change.version,
                      .resize = false,
                      .position = begin,
                      .bytes = {part.begin(), part.end()},
                      .size_after = change.size_after});
    };
    keep(change.position, first);
    durable_.write(first, bytes.subspan(first - change.position, last - first));
    keep(last, end);
  }
  changes_ = std::move(left);
}

void FileContent::fail_sync(std::uint64_t version, base::Rng& rng) {
  std::erase_if(changes_, [&](const Change& change) {
    return change.version <= version && !change.resize && rng.chance(1, 2);
  });
}

void FileContent::lose_power(base::Rng& rng, std::size_t sector_bytes) {
  if (changes_.empty()) {
    current_ = durable_.clone();  // A failed sync may have left a difference.
    return;
  }
  // Metadata commits in order: the first `committed` size changes happened.
  std::size_t committed = rng.below(changes_.size() + 1);
  if (rng.chance(1, 4)) committed = 0;
  if (rng.chance(1, 4)) committed = changes_.size();
  const std::uint64_t size = committed == 0 ? durable_.size() : changes_[committed - 1].size_after;

  Settlement settlement(std::move(durable_), rng, sector_bytes);
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (!change.resize) {
      settlement.write(change.position, change.bytes);
    } else if (i < committed) {
      settlement.resize_committed(change.position);
    } else {
      settlement.resize_lost(change.position);
    }
  }
  durable_ = settlement.finish(size);
  current_ = durable_.clone();
  changes_.clear();
}

}  // namespace moldau::sim
