#include <map>
#include <set>
#include <utility>

#include "controller/internal/decisions.h"

namespace moldau::controller {
namespace {

using wire::ErrorCode;
using Request = wire::DeleteTopicsRequest;
using Response = wire::DeleteTopicsResponse;

// Collects what a request names, in whichever way, and answers what is wrong with the naming.
class Collector {
 public:
  Collector(const View& view, Decision<Response>& decision) : view_(view), decision_(decision) {}

  void collect(const Request& request) {
    for (const auto& name : request.topic_names) add_name(name.value());
    for (const auto& topic : request.topics) add(topic);
    for (const auto& name : twice_names_) {
      answer(base::TopicName(name), {}, ErrorCode::kInvalidRequest, "Duplicate topic name.");
    }
    for (const auto& id : twice_ids_) {
      answer(std::nullopt, id, ErrorCode::kInvalidRequest, "Duplicate topic id.");
    }
    std::map<base::TopicId, base::TopicName> found;
    for (const auto& id : ids_) find_id(id, found);
    for (const auto& name : names_) find_name(name, found);
    for (const auto& [id, name] : found) remove(id, name);
  }

 private:
  void answer(std::optional<base::TopicName> name, const base::TopicId& id, ErrorCode code,
              std::optional<std::string> message) {
    Response::DeletableTopicResult result;
    result.name = std::move(name);
    result.topic_id = id;
    result.error_code = code;
    result.error_message = std::move(message);
    decision_.response.responses.push_back(std::move(result));
  }

  template <class T>
  static void add_once(const T& value, std::set<T>& once, std::set<T>& twice) {
    if (twice.contains(value)) return;
    if (once.insert(value).second) return;
    once.erase(value);
    twice.insert(value);
  }
  void add_name(const std::string& name) { add_once(name, names_, twice_names_); }

  void add(const Request::DeleteTopicState& topic) {
    if (topic.name && !topic.topic_id.is_zero()) {
      answer(topic.name, topic.topic_id, ErrorCode::kInvalidRequest,
             "You may not specify both topic name and topic id.");
    } else if (topic.name) {
      add_name(topic.name->value());
    } else if (topic.topic_id.is_zero()) {
      answer(std::nullopt, {}, ErrorCode::kInvalidRequest,
             "Neither topic name nor id were specified.");
    } else {
      add_once(topic.topic_id, ids_, twice_ids_);
    }
  }

  void find_id(const base::TopicId& id, std::map<base::TopicId, base::TopicName>& found) {
    const metadata::Topic* topic = view_.image().topic(id);
    if (topic == nullptr) {
      answer(std::nullopt, id, ErrorCode::kUnknownTopicId,
             "This server does not host this topic ID.");
    } else {
      found[id] = topic->name;
    }
  }

  void find_name(const std::string& name, std::map<base::TopicId, base::TopicName>& found) {
    const metadata::Topic* topic = view_.image().topic(name);
    if (topic == nullptr) {
      answer(base::TopicName(name), {}, ErrorCode::kUnknownTopicOrPartition,
             "This server does not host this topic-partition.");
    } else if (found.contains(topic->id) || twice_ids_.contains(topic->id)) {
      found.erase(topic->id);
      answer(base::TopicName(name), topic->id, ErrorCode::kInvalidRequest,
             "The provided topic name maps to an ID that was already supplied.");
    } else {
      found[topic->id] = topic->name;
    }
  }

  void remove(const base::TopicId& id, const base::TopicName& name) {
    wire::RemoveTopicRecord record;
    record.topic_id = id;
    decision_.records.push_back(view_.record(std::move(record)));
    answer(name, id, ErrorCode::kNone, std::nullopt);
  }

  const View& view_;
  Decision<Response>& decision_;
  std::set<std::string> names_;
  std::set<std::string> twice_names_;
  std::set<base::TopicId> ids_;
  std::set<base::TopicId> twice_ids_;
};

Response refuse_all(const Request& request, ErrorCode code, const std::string& message) {
  Response response;
  const auto refuse = [&](std::optional<base::TopicName> name, const base::TopicId& id) {
    Response::DeletableTopicResult result;
    result.name = std::move(name);
    result.topic_id = id;
    result.error_code = code;
    result.error_message = message;
    response.responses.push_back(std::move(result));
  };
  for (const auto& name : request.topic_names) refuse(name, {});
  for (const auto& topic : request.topics) refuse(topic.name, topic.topic_id);
  return response;
}

}  // namespace

Decision<Response> delete_topics(const View& view, const Request& request) {
  Decision<Response> decision;
  if (!view.settings.topics.delete_enabled) {
    decision.response =
        refuse_all(request, ErrorCode::kTopicDeletionDisabled, "Topic deletion is disabled.");
    return decision;
  }
  Collector(view, decision).collect(request);
  if (decision.records.size() > kRecordsInDecisionMax) {
    decision.records.clear();
    decision.response = refuse_all(request, ErrorCode::kPolicyViolation,
                                   "Unable to perform excessively large batch operation.");
  }
  return decision;
}

}  // namespace moldau::controller
