// Names and ids of topics as requests have them, resolved against an image: older versions name
// topics, newer ones carry ids, and each has its own error when there is none. Any loop.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "metadata/image.h"
#include "wire/error_code.h"

namespace moldau::broker {

// Topics that Kafka keeps for itself: clients may read but not write them.
[[nodiscard]] inline bool is_internal_topic(std::string_view name) {
  return name == "__consumer_offsets" || name == "__transaction_state" ||
         name == "__share_group_state";
}

struct FoundTopic {
  const metadata::Topic* topic = nullptr;
  wire::ErrorCode error = wire::ErrorCode::kNone;  // when there is none
};

[[nodiscard]] inline FoundTopic find_topic(const metadata::Image& image,
                                           const base::TopicName& name, const base::TopicId& id,
                                           bool by_id) {
  const metadata::Topic* topic = by_id ? image.topic(id) : image.topic(name.view());
  if (topic != nullptr) return {.topic = topic};
  return {.error =
              by_id ? wire::ErrorCode::kUnknownTopicId : wire::ErrorCode::kUnknownTopicOrPartition};
}

}  // namespace moldau::broker
