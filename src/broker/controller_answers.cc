#include "broker/controller_answers.h"

namespace moldau::broker {

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
