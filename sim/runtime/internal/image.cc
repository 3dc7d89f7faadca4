#include "sim/runtime/internal/image.h"

#include <algorithm>
#include <cstring>

namespace moldau::sim {
namespace {

bool all_zero(base::Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

Image Image::clone() const {
  Image copy;
  copy.size_ = size_;
  copy.pages_.reserve(pages_.size());
  for (const auto& page : pages_) {
    copy.pages_.push_back(page == nullptr ? nullptr : std::make_unique<Page>(*page));
  }
  return copy;
}

void Image::resize(std::uint64_t size) {
  if (size < size_) {
    clear(size, size_ - size);
    pages_.resize((size + kPageBytes - 1) / kPageBytes);
  }
  size_ = size;
}

void Image::write(std::uint64_t position, base::Bytes bytes) {
  if (bytes.empty()) return;
  const std::uint64_t end = position + bytes.size();
  size_ = std::max(size_, end);
  if (pages_.size() * kPageBytes < end) pages_.resize((end + kPageBytes - 1) / kPageBytes);
  while (!bytes.empty()) {
    const std::size_t in_page = position % kPageBytes;
    const std::size_t count = std::min(bytes.size(), kPageBytes - in_page);
    auto& page = pages_[position / kPageBytes];
    if (page == nullptr && !all_zero(bytes.first(count))) page = std::make_unique<Page>();
    if (page != nullptr) std::memcpy(page->data() + in_page, bytes.data(), count);
    position += count;
    bytes = bytes.subspan(count);
  }
}

std::size_t Image::read(std::uint64_t position, base::MutableBytes into) const {
  if (position >= size_) return 0;
  const std::size_t total = std::min<std::uint64_t>(into.size(), size_ - position);
  into = into.first(total);
  while (!into.empty()) {
    const std::size_t in_page = position % kPageBytes;
    const std::size_t count = std::min(into.size(), kPageBytes - in_page);
    const std::size_t index = position / kPageBytes;
    if (index < pages_.size() && pages_[index] != nullptr) {
      std::memcpy(into.data(), pages_[index]->data() + in_page, count);
    } else {
      std::memset(into.data(), 0, count);
    }
    position += count;
    into = into.subspan(count);
  }
  return total;
}

void Image::clear(std::uint64_t position, std::uint64_t length) {
  const std::uint64_t end = std::min(position + length, pages_.size() * kPageBytes);
  while (position < end) {
    const std::size_t in_page = position % kPageBytes;
    const std::size_t count = std::min<std::uint64_t>(end - position, kPageBytes - in_page);
    auto& page = pages_[position / kPageBytes];
    if (count == kPageBytes) {
      page.reset();
    } else if (page != nullptr) {
      std::memset(page->data() + in_page, 0, count);
    }
    position += count;
  }
}

}  // namespace moldau::sim
