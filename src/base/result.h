// Propagation of std::expected. TRY(e) yields the value of e or returns its error from the
// enclosing function; CO_TRY does the same in a coroutine. Both are GNU statement expressions,
// which clang supports inside coroutines.
#pragma once

#include <expected>
#include <utility>

#define TRY(...)                                                                              \
  ({                                                                                          \
    auto&& moldau_try_result = (__VA_ARGS__);                                                 \
    if (!moldau_try_result) [[unlikely]] {                                                    \
      return std::unexpected(std::move(moldau_try_result).error());                           \
    }                                                                                         \
    ::moldau::base::take_value(std::forward<decltype(moldau_try_result)>(moldau_try_result)); \
  })

#define CO_TRY(...)                                                    \
  ({                                                                   \
    auto moldau_try_result = (__VA_ARGS__);                            \
    if (!moldau_try_result) [[unlikely]] {                             \
      co_return std::unexpected(std::move(moldau_try_result).error()); \
    }                                                                  \
    ::moldau::base::take_value(std::move(moldau_try_result));          \
  })

namespace moldau::base {

// Moves the value out by value, so that a macro's result never refers to its dead local.
template <class T, class E>
T take_value(std::expected<T, E>&& result) {
  return std::move(*result);
}
template <class T, class E>
T take_value(std::expected<T, E>& result) {
  return *result;
}
template <class T, class E>
T take_value(const std::expected<T, E>& result) {
  return *result;
}
template <class E>
void take_value(std::expected<void, E>&&) {}
template <class E>
void take_value(std::expected<void, E>&) {}
template <class E>
void take_value(const std::expected<void, E>&) {}

}  // namespace moldau::base
