// SharedBytes is an immutable slice of a counted block: copying it moves no bytes, and the count is
// atomic, so a slice may be handed to another loop. ByteChain is a sequence of slices that is sent
// or stored as if it were one. A small slice can pin a large block: whoever caches one calls
// compacted() (design rule 7: a cached slice that pins over four times its size is copied).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace moldau::base {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

[[nodiscard]] inline Bytes as_bytes(std::string_view text [[clang::lifetimebound]]) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(Bytes bytes [[clang::lifetimebound]]) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace internal {

// Header of a heap block; the bytes follow it.
struct Block {
  std::atomic<std::uint32_t> references{1};
  std::size_t capacity = 0;

  [[nodiscard]] std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  static Block* allocate(std::size_t capacity);
  void retain() { references.fetch_add(1, std::memory_order_relaxed); }
  void release();
};

}  // namespace internal

class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(const SharedBytes& other)
      : block_(other.block_), data_(other.data_), size_(other.size_) {
    if (block_ != nullptr) block_->retain();
  }
  SharedBytes(SharedBytes&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedBytes() {
    if (block_ != nullptr) block_->release();
  }

  [[nodiscard]] static SharedBytes copy_of(Bytes bytes);
  [[nodiscard]] static SharedBytes copy_of(std::string_view text) {
    return copy_of(as_bytes(text));
  }

  [[nodiscard]] Bytes span() const [[clang::lifetimebound]] { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const [[clang::lifetimebound]] { return as_text(span()); }
  [[nodiscard]] const std::byte* data() const [[clang::lifetimebound]] { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // A part of this slice that shares the block.
  [[nodiscard]] SharedBytes slice(std::size_t from, std::size_t size) const {
    ASSERT(from <= size_);
    ASSERT(size <= size_ - from);
    SharedBytes part(*this);
    part.data_ += from;
    part.size_ = size;
    return part;
  }
  [[nodiscard]] SharedBytes slice(std::size_t from) const { return slice(from, size_ - from); }

  // Which block this slice shares: equal for slices of one block, null for none. For comparing
  // only.
  [[nodiscard]] const void* block() const { return block_; }
  // Size of the block that this slice keeps alive.
  [[nodiscard]] std::size_t pinned() const { return block_ == nullptr ? 0 : block_->capacity; }
  // This slice, or a copy when it pins more than four times its size.
  [[nodiscard]] SharedBytes compacted() const;

  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return as_text(a.span()) == as_text(b.span());
  }

 private:
  friend class ByteBuffer;
  SharedBytes(internal::Block* block, const std::byte* data, std::size_t size)
      : block_(block), data_(data), size_(size) {}

  internal::Block* block_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// ByteBuffer is a block under construction with one owner. It grows as bytes are appended and
// becomes a SharedBytes by freeze(), without a copy.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ByteBuffer(ByteBuffer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ByteBuffer() {
    if (block_ != nullptr) block_->release();
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return block_ == nullptr ? 0 : block_->capacity; }
  [[nodiscard]] Bytes span() const [[clang::lifetimebound]] {
    return block_ == nullptr ? Bytes{} : Bytes{block_->data(), size_};
  }
  [[nodiscard]] MutableBytes mutable_span() [[clang::lifetimebound]] {
    return block_ == nullptr ? MutableBytes{} : MutableBytes{block_->data(), size_};
  }

  void reserve(std::size_t capacity);
  void append(Bytes bytes);
  // Adds `size` bytes that the caller fills in at once; the span is valid until the next growth.
  [[nodiscard]] MutableBytes extend(std::size_t size) [[clang::lifetimebound]];
  // Drops bytes from the end.
  void shrink(std::size_t size) {
    ASSERT(size <= size_);
    size_ = size;
  }

  // Ends construction: the buffer is empty afterwards.
  [[nodiscard]] SharedBytes freeze();

 private:
  internal::Block* block_ = nullptr;
  std::size_t size_ = 0;
};

// An ordered sequence of slices with its total size. Empty slices are not kept.
class ByteChain {
 public:
  ByteChain() = default;
  explicit ByteChain(SharedBytes bytes) { append(std::move(bytes)); }
  ByteChain(const ByteChain&) = default;
  ByteChain& operator=(const ByteChain&) = default;
  // What was moved from is empty.
  ByteChain(ByteChain&& other) noexcept
      : parts_(std::exchange(other.parts_, {})), size_(std::exchange(other.size_, 0)) {}
  ByteChain& operator=(ByteChain&& other) noexcept {
    parts_ = std::exchange(other.parts_, {});
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~ByteChain() = default;

  void append(SharedBytes bytes) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    parts_.push_back(std::move(bytes));
  }
  void append(const ByteChain& other) {
    ASSERT(&other != this);
    for (const auto& part : other.parts_) append(part);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const std::vector<SharedBytes>& parts() const [[clang::lifetimebound]] {
    return parts_;
  }
  // One slice with all bytes: shares the block when there is one part, else copies.
  [[nodiscard]] SharedBytes flatten() const;

  friend bool operator==(const ByteChain& a, const ByteChain& b) {
    return a.size_ == b.size_ && a.flatten() == b.flatten();
  }

 private:
  std::vector<SharedBytes> parts_;
  std::size_t size_ = 0;
};

// Hexadecimal text, for messages and tests.
[[nodiscard]] std::string to_hex(Bytes bytes);

}  // namespace moldau::base
