// Cluster is a client's view of a Kafka cluster: the bootstrap servers, what Metadata said last,
// one Channel per broker, and calls that find their broker and try again. Retries wait with a
// backoff that doubles up to a limit and is spread by chance, and end at the call's deadline. A
// broker's answer with an error code is a result, not a failure of the call: its reader decides.
// Bounds: topics kept (kTopicsMax), channels (one a broker). One loop. close() ends every call and
// is awaited before destruction. Source: clients/.../clients/{Metadata,NetworkClient}.java.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "client/channel.h"
#include "client/client_error.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "rt/task.h"
#include "wire/metadata_response.h"

namespace moldau::client {

inline constexpr std::size_t kTopicsMax = 100'000;

struct ClusterOptions {
  std::vector<rt::Endpoint> bootstrap;
  ChannelOptions channel;
  base::Duration metadata_max_age = std::chrono::minutes(5);
  base::Duration backoff_min = std::chrono::milliseconds(50);
  base::Duration backoff_max = std::chrono::seconds(1);
  // How long a call may try when it names no deadline.
  base::Duration call_timeout = std::chrono::seconds(60);
  // How long to wait for a first answer of any broker, and for a topic that no broker knows.
  base::Duration patience = std::chrono::seconds(10);
  bool create_topics = false;  // lets Metadata create what it does not know
};

struct PartitionInfo {
  base::BrokerId leader = base::kNoBroker;
  base::LeaderEpoch leader_epoch = base::kNoLeaderEpoch;
  std::vector<base::BrokerId> replicas;
  std::vector<base::BrokerId> isr;
};
struct TopicInfo {
  base::TopicName name;
  base::TopicId id;  // zero from brokers that have no ids
  bool internal = false;
  std::vector<PartitionInfo> partitions;  // by partition index
};
struct BrokerInfo {
  base::BrokerId id;
  rt::Endpoint endpoint;
  std::string rack;
};

// Delays between attempts: doubling, at most `max`, each spread by up to a fifth.
class Backoff {
 public:
  Backoff(base::Duration min, base::Duration max) : next_(min), max_(max) {}
  [[nodiscard]] base::Duration next(base::Rng& rng);

 private:
  base::Duration next_;
  base::Duration max_;
};

class Cluster {
 public:
  using ChannelResult = ClientResult<std::shared_ptr<Channel>>;

  Cluster(rt::Loop& loop, ClusterOptions options);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] rt::Loop& loop() const { return *loop_; }
  [[nodiscard]] const ClusterOptions& options() const { return options_; }
  [[nodiscard]] rt::StopToken token() { return scope_.token(); }
  [[nodiscard]] base::Instant default_deadline() const {
    return loop_->now() + options_.call_timeout;
  }

  // Asks the cluster what it is; topics as well when a list is given (an empty one asks for all).
  rt::Task<ClientResult<wire::MetadataResponse>> refresh(
      std::optional<std::vector<base::TopicName>> topics, base::Instant deadline);

  // What is known of the topic, asked anew when it is unknown, old or marked stale. Waits for a
  // topic that is just being created, at most `patience`.
  rt::Task<ClientResult<TopicInfo>> topic(base::TopicName name);
  // Without asking; null when unknown. Valid until the next await.
  [[nodiscard]] const TopicInfo* cached_topic(const base::TopicName& name) const;
  // The same, but null also where topic() would ask: it saves topic()'s copy of every partition.
  [[nodiscard]] const TopicInfo* fresh_topic(const base::TopicName& name) const;
  // The next topic() asks again: some answer said that a leader moved.
  void mark_stale(const base::TopicName& name);
  [[nodiscard]] std::vector<BrokerInfo> brokers() const;
  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }

  // An open channel to this broker; connects if need be. One attempt.
  rt::Task<ChannelResult> channel(base::BrokerId id);
  // An open channel to some broker, tried in an order drawn from chance. One round of attempts.
  rt::Task<ChannelResult> any_channel();

  // Any broker, again until an answer comes.
  template <class Response, class Request>
  rt::Task<ClientResult<Response>> call_any(Request request, base::Instant deadline);
  // This broker, once.
  template <class Response, class Request>
  rt::Task<ClientResult<Response>> call_broker(base::BrokerId id, Request request,
                                               std::int16_t version_max = Request::kStableVersion);

  // False when stopped, or when the deadline is over.
  rt::Task<bool> pause(base::Duration delay, base::Instant deadline);
  [[nodiscard]] Backoff backoff() const { return {options_.backoff_min, options_.backoff_max}; }
  // A failure that another attempt may cure.
  [[nodiscard]] static bool worth_retrying(const ClientError& error);
  [[nodiscard]] static ClientError stopped();

  [[nodiscard]] bool closing() const { return scope_.stop_requested(); }
  rt::Task<> close();

 private:
  struct Node {
    explicit Node(rt::Loop& loop) : connecting(loop) {}
    rt::Endpoint endpoint;
    std::string rack;
    std::shared_ptr<Channel> channel;
    rt::Mutex connecting;
  };
  struct Topic {
    TopicInfo info;
    base::Instant learned;
    bool stale = false;
  };

  rt::Task<ChannelResult> open(std::shared_ptr<Node> node);
  rt::Task<> retire(std::shared_ptr<Channel> channel);
  [[nodiscard]] std::vector<std::shared_ptr<Node>> candidates();
  [[nodiscard]] ClientError unreachable(const ClientError& last) const;
  void learn(const wire::MetadataResponse& metadata);
  void learn_brokers(const wire::MetadataResponse& metadata);
  rt::Task<ClientResult<wire::ErrorCode>> ask_topic(base::TopicName name, base::Instant deadline);

  rt::Loop* loop_;
  ClusterOptions options_;
  std::vector<std::shared_ptr<Node>> bootstrap_;
  std::map<base::BrokerId, std::shared_ptr<Node>> nodes_;
  std::map<base::TopicName, Topic> topics_;
  std::string cluster_id_;
  bool reached_ = false;  // some broker has answered once
  rt::Scope scope_;       // last: its frames use the members above
};

template <class Response, class Request>
rt::Task<ClientResult<Response>> Cluster::call_any(Request request, base::Instant deadline) {
  const base::Instant patience_ends = loop_->now() + options_.patience;
  Backoff delays = backoff();
  for (;;) {
    if (closing()) co_return std::unexpected(stopped());
    ClientResult<Response> answer = std::unexpected(stopped());
    auto open_channel = co_await any_channel();
    if (open_channel) {
      answer = co_await (*open_channel)
                   ->template call<Response>(request, Request::kStableVersion, deadline);
      if (answer) co_return answer;
    } else {
      answer = std::unexpected(open_channel.error());
    }
    if (!worth_retrying(answer.error())) co_return answer;
    const base::Instant end = reached_ ? deadline : std::min(deadline, patience_ends);
    if (!co_await pause(delays.next(loop_->rng()), end)) co_return answer;
  }
}

template <class Response, class Request>
rt::Task<ClientResult<Response>> Cluster::call_broker(base::BrokerId id, Request request,
                                                      std::int16_t version_max) {
  const std::shared_ptr<Channel> open_channel = CO_TRY(co_await channel(id));
  co_return co_await open_channel->template call<Response>(std::move(request), version_max);
}

}  // namespace moldau::client
