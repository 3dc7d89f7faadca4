// The nodes of PersistentMap and the functions that rebuild a path: an AVL tree in which a node
// that is referenced once is changed in place and any other one is copied. Only PersistentMap
// includes this.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.h"

namespace moldau::metadata::internal {

// An AVL tree of 2^32 entries is at most 1.44 * 32 + 1 high.
inline constexpr std::size_t kTreeHeightMax = 48;

template <class Node>
class NodeRef {
 public:
  NodeRef() = default;
  template <class... Args>
  [[nodiscard]] static NodeRef make(Args&&... args) {
    NodeRef ref;
    ref.node_ = std::make_unique<Node>(std::forward<Args>(args)...).release();
    return ref;
  }
  NodeRef(const NodeRef& other) : node_(other.node_) {
    if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
  }
  NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef() {
    if (node_ == nullptr) return;
    // Acquire: the last holder sees what the others wrote before they let go.
    if (node_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const std::unique_ptr<Node> last(node_);
    }
  }

  [[nodiscard]] Node* get() const { return node_; }
  [[nodiscard]] Node* operator->() const { return node_; }
  [[nodiscard]] explicit operator bool() const { return node_ != nullptr; }
  // Whether nobody else can reach the node through another reference to it.
  [[nodiscard]] bool unique() const {
    return node_->references.load(std::memory_order_acquire) == 1;
  }

 private:
  Node* node_ = nullptr;
};

template <class K, class V>
struct TreeNode {
  using Ref = NodeRef<TreeNode>;

  TreeNode(K key_of, V value_of) : key(std::move(key_of)), value(std::move(value_of)) {}
  TreeNode(const TreeNode& other)
      : key(other.key),
        value(other.value),
        left(other.left),
        right(other.right),
        height(other.height) {}
  TreeNode& operator=(const TreeNode&) = delete;
  ~TreeNode() = default;

  std::atomic<std::uint32_t> references{1};
  K key;
  V value;
  Ref left;
  Ref right;
  std::int32_t height = 1;
};

template <class K, class V, class Less>
struct Tree {
  using Node = TreeNode<K, V>;
  using Ref = NodeRef<Node>;

  static std::int32_t height(const Ref& node) { return node ? node->height : 0; }

  // The node itself when it is ours alone, else a copy of it.
  static Ref own(Ref node) {
    if (node.unique()) return node;
    return Ref::make(std::as_const(*node.get()));
  }

  // `node` must be owned.
  static void measure(Ref& node) {
    node->height = 1 + std::max(height(node->left), height(node->right));
  }
  static Ref rotate_right(Ref node) {
    Ref top = own(std::move(node->left));
    node->left = std::move(top->right);
    measure(node);
    top->right = std::move(node);
    measure(top);
    return top;
  }
  static Ref rotate_left(Ref node) {
    Ref top = own(std::move(node->right));
    node->right = std::move(top->left);
    measure(node);
    top->left = std::move(node);
    measure(top);
    return top;
  }
  static Ref balance(Ref node) {
    measure(node);
    const std::int32_t lean = height(node->left) - height(node->right);
    if (lean > 1) {
      if (height(node->left->left) < height(node->left->right)) {
        node->left = rotate_left(own(std::move(node->left)));
      }
      return rotate_right(std::move(node));
    }
    if (lean < -1) {
      if (height(node->right->right) < height(node->right->left)) {
        node->right = rotate_right(own(std::move(node->right)));
      }
      return rotate_left(std::move(node));
    }
    return node;
  }

  static Ref insert(Ref node, K&& key, V&& value, bool& added) {
    if (!node) {
      added = true;
      return Ref::make(std::move(key), std::move(value));
    }
    node = own(std::move(node));
    if (Less{}(key, node->key)) {
      node->left = insert(std::move(node->left), std::move(key), std::move(value), added);
    } else if (Less{}(node->key, key)) {
      node->right = insert(std::move(node->right), std::move(key), std::move(value), added);
    } else {
      node->value = std::move(value);
      return node;
    }
    return balance(std::move(node));
  }

  // Owns the way to a key that is there.
  template <class Q>
  static V* edit(Ref& node, const Q& key) {
    ASSERT(node);
    node = own(std::move(node));
    if (Less{}(key, node->key)) return edit(node->left, key);
    if (Less{}(node->key, key)) return edit(node->right, key);
    return &node->value;
  }

  template <class Q>
  static Ref remove(Ref node, const Q& key, bool& removed) {
    if (!node) return node;
    if (Less{}(key, node->key)) {
      Ref left = remove(node->left, key, removed);
      if (!removed) return node;
      node = own(std::move(node));
      node->left = std::move(left);
      return balance(std::move(node));
    }
    if (Less{}(node->key, key)) {
      Ref right = remove(node->right, key, removed);
      if (!removed) return node;
      node = own(std::move(node));
      node->right = std::move(right);
      return balance(std::move(node));
    }
    removed = true;
    if (!node->left) return node->right;
    if (!node->right) return node->left;
    Ref next;
    Ref right = take_first(node->right, next);
    next = own(std::move(next));
    next->left = node->left;
    next->right = std::move(right);
    return balance(std::move(next));
  }

  // The tree without its first entry, which goes to `first`.
  static Ref take_first(Ref node, Ref& first) {
    if (!node->left) {
      first = node;
      return node->right;
    }
    Ref left = take_first(node->left, first);
    node = own(std::move(node));
    node->left = std::move(left);
    return balance(std::move(node));
  }
};

}  // namespace moldau::metadata::internal
