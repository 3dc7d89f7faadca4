// A controller with a log of its own that commits at once, and brokers that register and beat: what
// the tests of the decisions stand on. Only *_test.cc files include this.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controller/bootstrap.h"
#include "controller/controller.h"
#include "metadata/delta.h"
#include "metadata/snapshot.h"

namespace moldau::controller {

using base::BrokerEpoch;
using base::BrokerId;
using base::PartitionIndex;
using metadata::Record;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

inline base::DirectoryId directory(int broker) {
  return base::DirectoryId(base::Uuid{.msb = 77, .lsb = static_cast<std::uint64_t>(broker)});
}

inline Settings settings(std::int16_t kraft_version = 1) {
  Settings settings;
  settings.node_id = BrokerId(100);
  settings.cluster_id = "cluster";
  settings.controller.broker_session_timeout = milliseconds(9000);
  settings.controller.leader_imbalance_check_interval = seconds(300);
  settings.controller.unclean_election_interval = seconds(300);
  settings.kraft_version = kraft_version;
  return settings;
}

// A controller with a log of its own that commits at once.
class ControllerTest : public testing::Test {
 protected:
  explicit ControllerTest(Settings with = settings()) : controller_(std::move(with)) { activate(); }

  void activate() {
    const auto bootstrap = bootstrap_records({});
    append(controller_.activate(context(), bootstrap).records);
  }
  Context context() { return {.now = now_, .next_offset = next_, .chance = rng_}; }

  // As a driver does; and every record must survive a strict reader and the finalized level.
  void append(const std::vector<Record>& records) {
    if (records.empty()) return;
    for (const auto& record : records) {
      const auto bytes = metadata::encode_record(record);
      ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
      if (const auto version = controller_.image().metadata_version()) {
        EXPECT_TRUE(metadata::is_writable(record.record, record.version, *version))
            << metadata::to_text(record);
      }
    }
    const auto replayed = controller_.replay(records, next_);
    ASSERT_TRUE(replayed.has_value()) << replayed.error().message;
    log_.insert(log_.end(), records.begin(), records.end());
    next_ += static_cast<std::int64_t>(records.size());
    controller_.committed(next_);
  }

  template <class Request>
  auto serve(const Request& request) {
    const Controller& controller = controller_;
    auto decision = controller.decide(context(), request);
    append(decision.records);
    records_ = decision.records.size();
    return decision.response;
  }

  wire::BrokerRegistrationRequest registration(int id, std::uint64_t incarnation = 1) {
    wire::BrokerRegistrationRequest request;
    request.broker_id = BrokerId(id);
    request.cluster_id = "cluster";
    request.incarnation_id = base::Uuid{.msb = 5, .lsb = incarnation};
    request.listeners.push_back({.name = "PLAINTEXT",
                                 .host = "host",
                                 .port = 9092,
                                 .security_protocol = 0,
                                 .unknown_tags = {}});
    for (const auto& [name, range] : metadata::supported_features()) {
      request.features.push_back({.name = std::string(name),
                                  .min_supported_version = range.min,
                                  .max_supported_version = range.max,
                                  .unknown_tags = {}});
    }
    request.log_dirs = {directory(id)};
    return request;
  }

  wire::BrokerHeartbeatResponse beat(int id, bool want_fence = false, bool want_shut_down = false) {
    wire::BrokerHeartbeatRequest request;
    request.broker_id = BrokerId(id);
    request.broker_epoch = epochs_[id];
    request.current_metadata_offset = next_ - 1;
    request.want_fence = want_fence;
    request.want_shut_down = want_shut_down;
    controller_.heard(request, now_);
    return serve(request);
  }

  void start_broker(int id, std::uint64_t incarnation = 1) {
    const auto response = serve(registration(id, incarnation));
    ASSERT_EQ(response.error_code, ErrorCode::kNone);
    epochs_[id] = response.broker_epoch;
    EXPECT_FALSE(beat(id).is_fenced);
  }

  wire::CreateTopicsResponse create(std::string name, int partitions, int replicas = 1,
                                    std::map<std::string, std::string> configs = {}) {
    wire::CreateTopicsRequest request;
    request.topics.emplace_back();
    request.topics[0].name = base::TopicName(std::move(name));
    request.topics[0].num_partitions = partitions;
    request.topics[0].replication_factor = static_cast<std::int16_t>(replicas);
    for (const auto& [key, value] : configs) {
      request.topics[0].configs.push_back({.name = key, .value = value, .unknown_tags = {}});
    }
    return serve(request);
  }

  std::string create_error(std::string name, int partitions = 1, int replicas = 1,
                           std::map<std::string, std::string> configs = {}) {
    const auto response = create(std::move(name), partitions, replicas, std::move(configs));
    EXPECT_EQ(response.topics.size(), 1u);
    return std::string(wire::name(response.topics[0].error_code)) + ": " +
           response.topics[0].error_message.value_or("");
  }

  const metadata::Partition& partition(std::string_view topic, int index) {
    const auto* of = controller_.image().topic(topic);
    const auto* found = of == nullptr ? nullptr : of->partitions.find(PartitionIndex(index));
    EXPECT_NE(found, nullptr);
    return *found;
  }

  void run_upkeep() {
    for (;;) {
      const Upkeep upkeep = controller_.tick(context());
      if (upkeep.records.empty()) return;
      append(upkeep.records);
    }
  }

  Controller controller_;
  base::Rng rng_{42};
  base::Instant now_{seconds(1000)};
  base::Offset next_{0};
  std::vector<Record> log_;
  std::map<int, BrokerEpoch> epochs_;
  std::size_t records_ = 0;
};

}  // namespace moldau::controller
