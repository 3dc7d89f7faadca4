// Each API that a listener advertises, in each version it advertises: answered, with bytes that the
// version can be decoded from.
#include <set>
#include <string>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "broker/handlers/handlers.h"
#include "broker/node_test.h"
#include "wire/envelope_request.h"
#include "wire/envelope_response.h"
#include "wire/produce_request.h"
#include "wire/produce_response.h"
#include "wire/registry.h"

namespace moldau::broker {
namespace {

// What the listeners advertise. A change here is a change of what clients see.
constexpr std::string_view kAdvertised =
    "0 Produce 3-13 broker\n"
    "1 Fetch 4-18 broker controller\n"
    "2 ListOffsets 1-11 broker\n"
    "3 Metadata 0-13 broker\n"
    "18 ApiVersions 0-5 broker controller\n"
    "19 CreateTopics 2-7 broker controller\n"
    "20 DeleteTopics 1-6 broker controller\n"
    "22 InitProducerId 0-5 broker\n"
    "23 OffsetForLeaderEpoch 2-4 broker\n"
    "32 DescribeConfigs 1-4 broker controller\n"
    "35 DescribeLogDirs 1-5 broker\n"
    "37 CreatePartitions 0-3 broker controller\n"
    "44 IncrementalAlterConfigs 0-1 broker controller\n"
    "52 Vote 0-2 controller\n"
    "53 BeginQuorumEpoch 0-1 controller\n"
    "54 EndQuorumEpoch 0-1 controller\n"
    "55 DescribeQuorum 0-2 broker controller\n"
    "56 AlterPartition 2-3 controller\n"
    "57 UpdateFeatures 0-2 broker controller\n"
    "58 Envelope 0-0 controller\n"
    "59 FetchSnapshot 0-1 controller\n"
    "60 DescribeCluster 0-2 broker controller\n"
    "61 DescribeProducers 0-0 broker\n"
    "62 BrokerRegistration 0-4 controller\n"
    "63 BrokerHeartbeat 0-2 controller\n"
    "67 AllocateProducerIds 0-0 controller\n"
    "70 ControllerRegistration 0-0 controller\n"
    "75 DescribeTopicPartitions 0-0 broker\n";

std::string advertised() {
  std::string text;
  for (const Api& api : apis()) {
    text += fmt::format("{} {} {}-{}{}{}\n", static_cast<std::int16_t>(api.key),
                        wire::find_api(api.key)->name, api.min_version, api.max_version,
                        api.on_broker != nullptr ? " broker" : "",
                        api.on_controller != nullptr ? " controller" : "");
  }
  return text;
}

TEST(Apis, AreThoseWeMeanToAdvertise) { EXPECT_EQ(advertised(), kAdvertised); }

// A request with enough in it for an answer that has something in it. Most need nothing.
struct Sample {
  std::int16_t version;
  bool of_metadata_log;  // asked on the controller listener
  base::TopicId topic_id;
};
const base::TopicName kTopic{"topic"};

template <class Request>
void fill(Request&, const Sample&) {}

void fill(wire::ApiVersionsRequest& request, const Sample& sample) {
  if (sample.version < 3) return;
  request.client_software_name = "test";
  request.client_software_version = "1";
}
void fill(wire::CreateTopicsRequest& request, const Sample& sample) {
  auto& topic = request.topics.emplace_back();
  topic.name = base::TopicName(fmt::format("made-{}", sample.version));
  topic.num_partitions = 1;
  topic.replication_factor = 1;
}
void fill(wire::CreatePartitionsRequest& request, const Sample& sample) {
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.count = 2 + sample.version;
  topic.assignments = std::nullopt;
}
void fill(wire::DeleteTopicsRequest& request, const Sample& sample) {
  if (sample.version < 6) {
    request.topic_names.emplace_back("unknown");
  } else {
    request.topics.emplace_back().name = base::TopicName("unknown");
  }
}
template <class Configs>
void fill_configs(Configs& request) {
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = kTopic.value();
}
void fill(wire::DescribeConfigsRequest& request, const Sample&) { fill_configs(request); }
void fill(wire::IncrementalAlterConfigsRequest& request, const Sample&) { fill_configs(request); }
void fill(wire::DescribeQuorumRequest& request, const Sample&) {
  auto& topic = request.topics.emplace_back();
  topic.topic_name = base::TopicName("__cluster_metadata");
  topic.partitions.emplace_back();
}
void fill(wire::ListOffsetsRequest& request, const Sample&) {
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.partitions.emplace_back().timestamp = base::Timestamp(-1);
}
void fill(wire::OffsetForLeaderEpochRequest& request, const Sample&) {
  auto& topic = request.topics.emplace_back();
  topic.topic = kTopic;
  topic.partitions.emplace_back();
}
void fill(wire::DescribeProducersRequest& request, const Sample&) {
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.partition_indexes.emplace_back(0);
}
void fill(wire::DescribeTopicPartitionsRequest& request, const Sample&) {
  request.topics.emplace_back().name = kTopic;
}
void fill(wire::MetadataRequest& request, const Sample&) {
  request.topics->emplace_back().name = kTopic;
}
void fill(wire::InitProducerIdRequest& request, const Sample&) {
  request.transactional_id = std::nullopt;
}
void fill(wire::ProduceRequest& request, const Sample& sample) {
  request.acks = -1;
  auto& topic = request.topic_data.emplace_back();
  if (sample.version < 13) {
    topic.name = kTopic;
  } else {
    topic.topic_id = sample.topic_id;
  }
  topic.partition_data.emplace_back();
}
void fill(wire::FetchRequest& request, const Sample& sample) {
  auto& topic = request.topics.emplace_back();
  if (sample.version < 13) {
    topic.topic = sample.of_metadata_log ? base::TopicName("__cluster_metadata") : kTopic;
  } else {
    topic.topic_id = sample.of_metadata_log ? base::kMetadataTopicId : sample.topic_id;
  }
  auto& partition = topic.partitions.emplace_back();
  partition.fetch_offset = base::Offset(0);
  partition.partition_max_bytes = 1'000;
}

class EveryApi : public ServingNodeTest {
 protected:
  void SetUp() override {
    ServingNodeTest::SetUp();
    clients_ = connect(9092);
    ASSERT_NE(clients_, nullptr);
    wire::CreateTopicsRequest create;
    fill(create, {});
    create.topics[0].name = kTopic;
    const auto created = call<wire::CreateTopicsResponse>(std::move(create));
    topic_id_ = created.topics.at(0).topic_id;
  }
  void TearDown() override {
    if (clients_ != nullptr) sim::run_task(world_, loop(), clients_->close_and_join());
    clients_.reset();
    ServingNodeTest::TearDown();
  }

  template <class Request, class Response>
  void each() {
    const auto key = static_cast<std::int16_t>(Request::kApiKey);
    for (const ListenerKind kind : {ListenerKind::kBroker, ListenerKind::kController}) {
      const Api* api = find_api(key, kind);
      if (api == nullptr) continue;
      const bool controller = kind == ListenerKind::kController;
      client::Channel& channel = controller ? *channel_ : *clients_;
      for (std::int16_t version = api->min_version; version <= api->max_version; ++version) {
        Request request;
        fill(request, {.version = version, .of_metadata_log = controller, .topic_id = topic_id_});
        const auto answer = run(channel.call_at<Response>(std::move(request), version));
        ASSERT_TRUE(answer.has_value()) << wire::find_api(key)->name << " version " << version
                                        << (controller ? " of the controller listener: " : ": ")
                                        << answer.error().message << "\n"
                                        << log_;
      }
    }
    asked_.insert(key);
  }

  std::unique_ptr<client::Channel> clients_;
  base::TopicId topic_id_;
  std::set<std::int16_t> asked_;
};

// Regression: DescribeQuorum hung up on versions 0 and 1.
TEST_F(EveryApi, IsAnsweredInEachVersion) {
  each<wire::ProduceRequest, wire::ProduceResponse>();
  each<wire::FetchRequest, wire::FetchResponse>();
  each<wire::ListOffsetsRequest, wire::ListOffsetsResponse>();
  each<wire::MetadataRequest, wire::MetadataResponse>();
  each<wire::ApiVersionsRequest, wire::ApiVersionsResponse>();
  each<wire::CreateTopicsRequest, wire::CreateTopicsResponse>();
  each<wire::DeleteTopicsRequest, wire::DeleteTopicsResponse>();
  each<wire::InitProducerIdRequest, wire::InitProducerIdResponse>();
  each<wire::OffsetForLeaderEpochRequest, wire::OffsetForLeaderEpochResponse>();
  each<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse>();
  each<wire::DescribeLogDirsRequest, wire::DescribeLogDirsResponse>();
  each<wire::CreatePartitionsRequest, wire::CreatePartitionsResponse>();
  each<wire::IncrementalAlterConfigsRequest, wire::IncrementalAlterConfigsResponse>();
  each<wire::VoteRequest, wire::VoteResponse>();
  each<wire::BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse>();
  each<wire::EndQuorumEpochRequest, wire::EndQuorumEpochResponse>();
  each<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>();
  each<wire::AlterPartitionRequest, wire::AlterPartitionResponse>();
  each<wire::UpdateFeaturesRequest, wire::UpdateFeaturesResponse>();
  each<wire::EnvelopeRequest, wire::EnvelopeResponse>();
  each<wire::FetchSnapshotRequest, wire::FetchSnapshotResponse>();
  each<wire::DescribeClusterRequest, wire::DescribeClusterResponse>();
  each<wire::DescribeProducersRequest, wire::DescribeProducersResponse>();
  each<wire::BrokerRegistrationRequest, wire::BrokerRegistrationResponse>();
  each<wire::BrokerHeartbeatRequest, wire::BrokerHeartbeatResponse>();
  each<wire::AllocateProducerIdsRequest, wire::AllocateProducerIdsResponse>();
  each<wire::ControllerRegistrationRequest, wire::ControllerRegistrationResponse>();
  each<wire::DescribeTopicPartitionsRequest, wire::DescribeTopicPartitionsResponse>();
  for (const Api& api : apis()) {
    EXPECT_TRUE(asked_.contains(static_cast<std::int16_t>(api.key)))
        << "not asked: " << wire::find_api(api.key)->name;
  }
  EXPECT_EQ(log_, "");
}

}  // namespace
}  // namespace moldau::broker
