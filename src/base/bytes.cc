#include "base/bytes.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace moldau::base {
namespace internal {

Block* Block::allocate(std::size_t capacity) {
  void* memory = std::malloc(sizeof(Block) + capacity);
  // Out of memory is fatal by design: there is nothing left to do it with.
  ASSERT(memory != nullptr);
  auto* block = ::new (memory) Block;
  block->capacity = capacity;
  return block;
}

void Block::release() {
  if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~Block();
  std::free(this);
}

}  // namespace internal

SharedBytes SharedBytes::copy_of(Bytes bytes) {
  ByteBuffer buffer(bytes.size());
  buffer.append(bytes);
  return buffer.freeze();
}

SharedBytes SharedBytes::compacted() const {
  constexpr std::size_t kPinnedTimesMax = 4;
  if (pinned() <= size_ * kPinnedTimesMax) return *this;
  return copy_of(span());
}

void ByteBuffer::reserve(std::size_t capacity) {
  if (capacity <= this->capacity()) return;
  auto* grown = internal::Block::allocate(capacity);
  if (block_ != nullptr) {
    std::memcpy(grown->data(), block_->data(), size_);
    block_->release();
  }
  block_ = grown;
}

void ByteBuffer::append(Bytes bytes) {
  if (bytes.empty()) return;
  std::memcpy(extend(bytes.size()).data(), bytes.data(), bytes.size());
}

MutableBytes ByteBuffer::extend(std::size_t size) {
  if (size == 0) return {};
  constexpr std::size_t kFirstCapacity = 64;
  if (size_ + size > capacity()) {
    reserve(std::max({size_ + size, capacity() * 2, kFirstCapacity}));
  }
  const MutableBytes added{block_->data() + size_, size};
  size_ += size;
  return added;
}

SharedBytes ByteBuffer::freeze() {
  if (block_ == nullptr) return {};
  auto* block = std::exchange(block_, nullptr);
  return {block, block->data(), std::exchange(size_, 0)};
}

SharedBytes ByteChain::flatten() const {
  if (parts_.size() == 1) return parts_.front();
  ByteBuffer buffer(size_);
  for (const auto& part : parts_) buffer.append(part.span());
  return buffer.freeze();
}

std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(b) & 15U]);
  }
  return text;
}

}  // namespace moldau::base
