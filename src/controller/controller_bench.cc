// What a decision costs when there are 100,000 partitions: creating them, a heartbeat, a broker
// that goes and returns. Prints one line each.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "controller/bootstrap.h"
#include "controller/controller.h"

namespace moldau::controller {
namespace {

template <class Work>
void measure(const char* what, Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::printf("%-44s %10.2f ms\n", what, took.count());
}

class Bench {
 public:
  Bench() : controller_(settings()) {
    append(controller_.activate(context(), bootstrap_records({})).records);
  }

  void run() {
    start_broker(1);
    measure("create 100 topics of 1,000 partitions", [&] {
      for (int t = 0; t < 100; ++t) create(t);
    });
    measure("heartbeat", [&] { beat(false); });
    measure("fence a broker with 100,000 leaderships", [&] { beat(true); });
    measure("unfence it again", [&] { beat(false); });
    measure("register its next incarnation", [&] {
      now_ = now_ + std::chrono::seconds(10);
      start_broker(2);
    });
  }

 private:
  static Settings settings() {
    Settings settings;
    settings.node_id = base::BrokerId(100);
    settings.cluster_id = "cluster";
    settings.controller.broker_session_timeout = std::chrono::seconds(9);
    settings.kraft_version = 1;
    return settings;
  }
  Context context() { return {.now = now_, .next_offset = next_, .chance = rng_}; }
  void append(const std::vector<metadata::Record>& records) {
    if (records.empty()) return;
    for (const auto& record : records) {
      if (!metadata::encode_record(record)) std::printf("a record cannot be written\n");
    }
    if (!controller_.replay(records, next_)) std::printf("a record does not apply\n");
    next_ += static_cast<std::int64_t>(records.size());
    controller_.committed(next_);
  }
  template <class Request>
  auto serve(const Request& request) {
    auto decision = controller_.decide(context(), request);
    append(decision.records);
    return decision.response;
  }
  void start_broker(std::uint64_t incarnation) {
    wire::BrokerRegistrationRequest request;
    request.broker_id = base::BrokerId(1);
    request.cluster_id = "cluster";
    request.incarnation_id = base::Uuid{.msb = 5, .lsb = incarnation};
    for (const auto& [name, range] : metadata::supported_features()) {
      request.features.push_back({.name = std::string(name),
                                  .min_supported_version = range.min,
                                  .max_supported_version = range.max,
                                  .unknown_tags = {}});
    }
    request.log_dirs = {base::DirectoryId(base::Uuid{.msb = 1, .lsb = 1})};
    epoch_ = serve(request).broker_epoch;
    beat(false);
  }
  void beat(bool want_fence) {
    wire::BrokerHeartbeatRequest request;
    request.broker_id = base::BrokerId(1);
    request.broker_epoch = epoch_;
    request.current_metadata_offset = next_ - 1;
    request.want_fence = want_fence;
    controller_.heard(request, now_);
    static_cast<void>(serve(request));
  }
  void create(int number) {
    wire::CreateTopicsRequest request;
    request.topics.emplace_back();
    request.topics[0].name = base::TopicName("topic-" + std::to_string(number));
    request.topics[0].num_partitions = 1'000;
    request.topics[0].replication_factor = 1;
    static_cast<void>(serve(request));
  }

  Controller controller_;
  base::Rng rng_{1};
  base::Instant now_{std::chrono::seconds(1)};
  base::Offset next_{0};
  base::BrokerEpoch epoch_{-1};
};

}  // namespace
}  // namespace moldau::controller

int main() { moldau::controller::Bench().run(); }
