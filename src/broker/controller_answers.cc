#include "broker/controller_answers.h"

#include <algorithm>

namespace moldau::broker {
namespace {

template <class Parts>
bool any_has(const Parts& parts, wire::ErrorCode error) {
  return std::ranges::any_of(parts, [&](const auto& part) { return part.error_code == error; });
}

}  // namespace

bool says_not_controller(const wire::CreateTopicsResponse& response) {
  return any_has(response.topics, wire::ErrorCode::kNotController);
}
bool says_not_controller(const wire::DeleteTopicsResponse& response) {
  return any_has(response.responses, wire::ErrorCode::kNotController);
}
bool says_not_controller(const wire::CreatePartitionsResponse& response) {
  return any_has(response.results, wire::ErrorCode::kNotController);
}
bool says_not_controller(const wire::IncrementalAlterConfigsResponse& response) {
  return any_has(response.responses, wire::ErrorCode::kNotController);
}
bool says_not_controller(const wire::DescribeQuorumResponse& response) {
  if (response.error_code == wire::ErrorCode::kNotLeaderOrFollower) return true;
  return std::ranges::any_of(response.topics, [](const auto& topic) {
    return any_has(topic.partitions, wire::ErrorCode::kNotLeaderOrFollower);
  });
}

wire::CreateTopicsResponse refuse_all(const wire::CreateTopicsRequest& request,
                                      wire::ErrorCode error) {
  wire::CreateTopicsResponse response;
  for (const auto& topic : request.topics) {
    auto& result = response.topics.emplace_back();
    result.name = topic.name;
    result.error_code = error;
    result.error_message = std::nullopt;
  }
  return response;
}

wire::DeleteTopicsResponse refuse_all(const wire::DeleteTopicsRequest& request,
                                      wire::ErrorCode error) {
  wire::DeleteTopicsResponse response;
  for (const auto& topic : request.topics) {
    auto& result = response.responses.emplace_back();
    result.name = topic.name;
    result.topic_id = topic.topic_id;
    result.error_code = error;
  }
  for (const auto& name : request.topic_names) {
    auto& result = response.responses.emplace_back();
    result.name = name;
    result.error_code = error;
  }
  return response;
}

wire::CreatePartitionsResponse refuse_all(const wire::CreatePartitionsRequest& request,
                                          wire::ErrorCode error) {
  wire::CreatePartitionsResponse response;
  for (const auto& topic : request.topics) {
    auto& result = response.results.emplace_back();
    result.name = topic.name;
    result.error_code = error;
  }
  return response;
}

wire::IncrementalAlterConfigsResponse refuse_all(
    const wire::IncrementalAlterConfigsRequest& request, wire::ErrorCode error) {
  wire::IncrementalAlterConfigsResponse response;
  for (const auto& resource : request.resources) {
    auto& result = response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_code = error;
  }
  return response;
}

}  // namespace moldau::broker
