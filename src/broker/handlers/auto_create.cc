#include "broker/handlers/auto_create.h"

#include "broker/broker.h"
#include "broker/shard.h"
#include "rt/call.h"
#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"

namespace moldau::broker {
namespace {

using Failed = std::map<base::TopicName, wire::ErrorCode>;

// Below the client's own request timeout, so that it gets an answer.
constexpr base::Milliseconds32 kCreateTimeout{10'000};

rt::Task<Failed> create(Broker& broker, wire::CreateTopicsRequest request) {
  Failed failed;
  const auto answer =
      co_await broker.controller_channel().call<wire::CreateTopicsResponse>(request);
  if (!answer) {
    for (const auto& topic : request.topics) {
      failed.emplace(topic.name, wire::ErrorCode::kLeaderNotAvailable);
    }
    co_return failed;
  }
  for (const auto& topic : answer->topics) {
    const bool there = topic.error_code == wire::ErrorCode::kNone ||
                       topic.error_code == wire::ErrorCode::kTopicAlreadyExists;
    // What passes by itself is told as "not yet": the client asks again.
    const bool passing = topic.error_code == wire::ErrorCode::kNotController ||
                         topic.error_code == wire::ErrorCode::kRequestTimedOut;
    if (there) continue;
    failed.emplace(topic.name, passing ? wire::ErrorCode::kLeaderNotAvailable : topic.error_code);
  }
  co_await broker.publisher().wait_applied();
  co_return failed;
}

}  // namespace

rt::Task<Failed> auto_create_topics(Shard& shard, std::set<base::TopicName> names) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = kCreateTimeout;
  for (const base::TopicName& name : names) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
  }
  co_return co_await rt::call(shard.loop(), shard.broker().loop0(),
                              create(shard.broker(), std::move(request)));
}

rt::Task<base::BrokerId> active_controller(Broker& broker) {
  co_return broker.raft().leader_and_epoch().leader.value_or(base::kNoBroker);
}

}  // namespace moldau::broker
