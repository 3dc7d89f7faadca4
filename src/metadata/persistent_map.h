// PersistentMap is an ordered map whose copies share all entries: a copy costs one reference count,
// a change copies the O(log n) nodes on its way (and none of them twice, as long as nobody else
// holds them), lookups and iteration touch nothing. The metadata image is made of such maps, so a
// delta never copies the image and an old image stays valid for whoever holds it. It is an AVL tree
// with counted nodes; counts are atomic, so a copy may be handed to another loop. Iteration is in
// order of keys: the same on each build. A change must happen on the loop that owns this copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "metadata/internal/tree_node.h"

namespace moldau::metadata {

template <class K, class V, class Less = std::less<>>
class PersistentMap {
  using Node = internal::TreeNode<K, V>;
  using Ref = internal::NodeRef<Node>;
  using Tree = internal::Tree<K, V, Less>;

 public:
  class Iterator;

  PersistentMap() = default;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Valid until this copy of the map changes.
  template <class Q>
  [[nodiscard]] const V* find(const Q& key) const [[clang::lifetimebound]] {
    const Node* node = root_.get();
    while (node != nullptr) {
      if (Less{}(key, node->key)) {
        node = node->left.get();
      } else if (Less{}(node->key, key)) {
        node = node->right.get();
      } else {
        return &node->value;
      }
    }
    return nullptr;
  }
  template <class Q>
  [[nodiscard]] bool contains(const Q& key) const {
    return find(key) != nullptr;
  }

  // Adds or replaces.
  void set(K key, V value) {
    bool added = false;
    root_ = Tree::insert(std::move(root_), std::move(key), std::move(value), added);
    if (added) ++size_;
  }
  // A value that the caller may change in place, copied first if another map shares it; null when
  // there is none. Valid until the next change.
  template <class Q>
  [[nodiscard]] V* edit(const Q& key) [[clang::lifetimebound]] {
    if (find(key) == nullptr) return nullptr;
    return Tree::edit(root_, key);
  }
  // False when there was none.
  template <class Q>
  bool erase(const Q& key) {
    bool removed = false;
    root_ = Tree::remove(std::move(root_), key, removed);
    if (removed) --size_;
    return removed;
  }

  // In order of keys. Valid until this copy of the map changes.
  [[nodiscard]] Iterator begin() const [[clang::lifetimebound]] { return Iterator(root_.get()); }
  [[nodiscard]] Iterator end() const { return Iterator(); }
  // The first entry whose key is not less than `key`.
  template <class Q>
  [[nodiscard]] Iterator lower_bound(const Q& key) const [[clang::lifetimebound]] {
    Iterator at;
    for (const Node* node = root_.get(); node != nullptr;) {
      if (Less{}(node->key, key)) {
        node = node->right.get();
      } else {
        at.push(node);
        node = node->left.get();
      }
    }
    return at;
  }

  // Whether the two are the same copy: then they are equal without looking.
  [[nodiscard]] bool same_as(const PersistentMap& other) const {
    return root_.get() == other.root_.get();
  }
  friend bool operator==(const PersistentMap& a, const PersistentMap& b) {
    if (a.same_as(b)) return true;
    if (a.size_ != b.size_) return false;
    auto other = b.begin();
    for (const auto& [key, value] : a) {
      const auto& [other_key, other_value] = *other;
      if (!(key == other_key) || !(value == other_value)) return false;
      ++other;
    }
    return true;
  }

  class Iterator {
   public:
    struct Entry {
      const K& key;
      const V& value;
    };

    Iterator() = default;

    [[nodiscard]] Entry operator*() const {
      const Node* node = path_[depth_ - 1];
      return {node->key, node->value};
    }
    Iterator& operator++() {
      const Node* node = path_[--depth_];
      descend(node->right.get());
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      if (a.depth_ != b.depth_) return false;
      return a.depth_ == 0 || a.path_[a.depth_ - 1] == b.path_[b.depth_ - 1];
    }

   private:
    friend class PersistentMap;
    explicit Iterator(const Node* root) { descend(root); }
    void push(const Node* node) { path_[depth_++] = node; }
    void descend(const Node* node) {
      for (; node != nullptr; node = node->left.get()) push(node);
    }

    // Nodes whose entry is still to come, the next one last.
    const Node* path_[internal::kTreeHeightMax]{};
    std::size_t depth_ = 0;
  };

 private:
  Ref root_;
  std::size_t size_ = 0;
};

}  // namespace moldau::metadata
