// Image is the bytes of one simulated file, sparse: pages that were never written, or only with
// zeros, take no memory. Bytes beyond the size are zero. Positions and sizes are bytes. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace moldau::sim {

class Image {
 public:
  Image() = default;
  Image(Image&&) noexcept = default;
  Image& operator=(Image&&) noexcept = default;

  [[nodiscard]] Image clone() const;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Grows with zeros, or cuts.
  void resize(std::uint64_t size);
  // Grows as needed.
  void write(std::uint64_t position, base::Bytes bytes);
  // Returns the count: fewer than asked only at the end of the file.
  std::size_t read(std::uint64_t position, base::MutableBytes into) const;
  // Sets [position, position + length) to zero, as far as the file goes.
  void clear(std::uint64_t position, std::uint64_t length);

 private:
  static constexpr std::size_t kPageBytes = 4096;
  using Page = std::array<std::byte, kPageBytes>;

  std::vector<std::unique_ptr<Page>> pages_;
  std::uint64_t size_ = 0;
};

}  // namespace moldau::sim
