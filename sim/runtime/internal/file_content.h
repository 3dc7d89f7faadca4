// FileContent is one file as the page cache shows it, the image that the disk holds for certain,
// and the changes between the two. A power loss settles each unsynced change by seed, as a disk
// behind a journaling file system may, at its worst:
//  - sectors written since the last sync survive or not, independently; one sector shows the writes
//    to it as a prefix in their order (the page cache composes them);
//  - the size is one that the file had since the last sync; bytes in between that never arrived are
//    zero; a truncation that survived leaves nothing behind it.
// One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "sim/runtime/internal/image.h"

namespace moldau::sim {

class FileContent {
 public:
  // The page cache.
  [[nodiscard]] std::uint64_t size() const { return current_.size(); }
  [[nodiscard]] std::size_t read(std::uint64_t position, base::MutableBytes into) const {
    return current_.read(position, into);
  }
  void write(std::uint64_t position, std::vector<std::byte> bytes);
  void resize(std::uint64_t size);

  // Number of the last change; what a sync that begins now covers.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  void make_durable(std::uint64_t version);
  // Of the bytes in [from, upto) only; all of it when the size was set since the last sync.
  void make_durable(std::uint64_t version, std::uint64_t from, std::uint64_t upto);
  // What a failed sync does: some changes up to `version` will never reach the disk although the
  // page cache goes on showing them.
  void fail_sync(std::uint64_t version, base::Rng& rng);
  void lose_power(base::Rng& rng, std::size_t sector_bytes);
  [[nodiscard]] bool dirty() const { return !changes_.empty(); }

 private:
  struct Change {
    std::uint64_t version;
    bool resize;
    std::uint64_t position;  // resize: the new size
    std::vector<std::byte> bytes;
    std::uint64_t size_after;
  };

  Image current_;
  Image durable_;
  std::vector<Change> changes_;
  std::uint64_t version_ = 0;
};

}  // namespace moldau::sim
