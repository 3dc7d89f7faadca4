#include "wire/registry.h"

#include <algorithm>

namespace moldau::wire {

const MessageInfo* find_message(std::string_view name) {
  const auto all = messages();
  const auto at = std::ranges::find(all, name, &MessageInfo::name);
  return at == all.end() ? nullptr : &*at;
}

const MessageInfo* find_message(MessageKind kind, std::int16_t key) {
  for (const MessageInfo& info : messages()) {
    if (info.kind == kind && info.key == key) return &info;
  }
  return nullptr;
}

const ApiInfo* find_api(std::int16_t key) {
  const auto all = apis();
  const auto at = std::ranges::lower_bound(
      all, key, {}, [](const ApiInfo& info) { return static_cast<std::int16_t>(info.key); });
  if (at == all.end() || static_cast<std::int16_t>(at->key) != key) return nullptr;
  return &*at;
}

std::string_view name(ApiKey key) {
  const ApiInfo* info = find_api(key);
  return info == nullptr ? "UNKNOWN" : info->name;
}

}  // namespace moldau::wire
