#include "controller/internal/controller_fixture.h"

namespace moldau::controller {
namespace {

class TopicsTest : public ControllerTest {};

TEST_F(TopicsTest, ATopicIsRecordsInOrder) {
  start_broker(1);
  const auto at = log_.size();
  const auto response =
      create("orders", 2, 1, {{"retention.ms", "5"}, {"cleanup.policy", "compact"}});
  ASSERT_EQ(response.topics.size(), 1u);
  const auto& result = response.topics[0];
  EXPECT_EQ(result.error_code, ErrorCode::kNone);
  EXPECT_FALSE(result.error_message);
  EXPECT_EQ(result.num_partitions, 2);
  EXPECT_EQ(result.replication_factor, 1);
  EXPECT_FALSE(result.topic_id.is_zero());
  ASSERT_TRUE(result.configs);
  EXPECT_GT(result.configs->size(), 30u);
  std::vector<std::string_view> names;
  for (auto i = at; i < log_.size(); ++i) names.push_back(metadata::record_name(log_[i].record));
  EXPECT_EQ(names, (std::vector<std::string_view>{"TopicRecord", "ConfigRecord", "ConfigRecord",
                                                  "PartitionRecord", "PartitionRecord"}));
  const auto& first = partition("orders", 0);
  EXPECT_EQ(first.leader, BrokerId(1));
  EXPECT_EQ(first.leader_epoch, base::LeaderEpoch(0));
  EXPECT_EQ(first.directory_of(BrokerId(1)), directory(1));
}

TEST_F(TopicsTest, TopicNamesAreChecked) {
  start_broker(1);
  EXPECT_EQ(create_error("a.b"), "NONE: ");
  EXPECT_EQ(create_error("a.b"), "TOPIC_ALREADY_EXISTS: Topic 'a.b' already exists.");
  EXPECT_EQ(create_error("a_b"),
            "INVALID_TOPIC_EXCEPTION: Topic 'a_b' collides with existing topic: a.b");
  EXPECT_TRUE(create_error("bad name").starts_with("INVALID_TOPIC_EXCEPTION: "));
  EXPECT_TRUE(create_error("").starts_with("INVALID_TOPIC_EXCEPTION: "));
  EXPECT_TRUE(create_error("__cluster_metadata").starts_with("INVALID_REQUEST: "));
}

TEST_F(TopicsTest, PartitionsAndReplicasAreChecked) {
  EXPECT_EQ(
      create_error("t"),
      "INVALID_REPLICATION_FACTOR: Unable to replicate the partition 1 time(s): All brokers are "
      "currently fenced, or have all their log directories cordoned.");
  start_broker(1);
  EXPECT_EQ(create_error("t", 0),
            "INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.");
  EXPECT_EQ(
      create_error("t", 1, 0),
      "INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the "
      "default value.");
  EXPECT_TRUE(create_error("t", 1, 2).starts_with("INVALID_REPLICATION_FACTOR: "));
  EXPECT_EQ(create_error("t", 10'001),
            "POLICY_VIOLATION: Excessively large number of partitions per request.");
  EXPECT_EQ(create_error("t", 10'000),
            "POLICY_VIOLATION: Unable to perform excessively large batch operation.");
  EXPECT_EQ(create_error("t", 9'999), "NONE: ");
  EXPECT_EQ(create_error("defaults", -1, -1), "NONE: ");
  EXPECT_EQ(controller_.image().topic("defaults")->partitions.size(), 1u);
}

TEST_F(TopicsTest, NewConfigsAreChecked) {
  start_broker(1);
  EXPECT_EQ(create_error("t", 1, 1, {{"retention.ms", "x"}}),
            "INVALID_CONFIG: Invalid value x for configuration retention.ms: Not a number of type "
            "LONG");
  EXPECT_EQ(create_error("t", 1, 1, {{"nonsense", "x"}}),
            "INVALID_CONFIG: Unknown topic config name: nonsense");
  wire::CreateTopicsRequest request;
  request.topics.emplace_back();
  request.topics[0].name = base::TopicName("t");
  request.topics[0].num_partitions = 1;
  request.topics[0].replication_factor = 1;
  request.topics[0].configs.push_back(
      {.name = "retention.ms", .value = std::nullopt, .unknown_tags = {}});
  EXPECT_EQ(serve(request).topics[0].error_code, ErrorCode::kInvalidConfig);
}

TEST_F(TopicsTest, ManualAssignmentsAreChecked) {
  start_broker(1);
  start_broker(2);
  const auto assigned = [&](std::vector<std::pair<int, std::vector<int>>> partitions) {
    wire::CreateTopicsRequest request;
    request.topics.emplace_back();
    request.topics[0].name = base::TopicName("t");
    request.topics[0].num_partitions = -1;
    request.topics[0].replication_factor = -1;
    for (const auto& [index, brokers] : partitions) {
      wire::CreateTopicsRequest::CreatableReplicaAssignment assignment;
      assignment.partition_index = PartitionIndex(index);
      for (const int broker : brokers) assignment.broker_ids.emplace_back(broker);
      request.topics[0].assignments.push_back(assignment);
    }
    const auto result = serve(request).topics[0];
    return std::string(wire::name(result.error_code)) + ": " + result.error_message.value_or("");
  };
  EXPECT_EQ(
      assigned({{0, {1}}, {0, {2}}}),
      "INVALID_REPLICA_ASSIGNMENT: Found multiple manual partition assignments for partition 0");
  EXPECT_EQ(
      assigned({{0, {1}}, {2, {2}}}),
      "INVALID_REPLICA_ASSIGNMENT: partitions should be a consecutive 0-based integer sequence");
  EXPECT_EQ(assigned({{0, {}}}),
            "INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica "
            "list.");
  EXPECT_EQ(assigned({{0, {9}}}),
            "INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 9, but no "
            "such broker is registered.");
  EXPECT_TRUE(assigned({{0, {1, 1}}}).starts_with("INVALID_REPLICA_ASSIGNMENT: "));
  EXPECT_TRUE(assigned({{0, {1, 2}}, {1, {1}}}).starts_with("INVALID_REPLICA_ASSIGNMENT: "));
  EXPECT_EQ(assigned({{1, {1, 2}}, {0, {2, 1}}}), "NONE: ");
  EXPECT_EQ(partition("t", 0).leader, BrokerId(2));
  EXPECT_EQ(partition("t", 1).leader, BrokerId(1));
}

TEST_F(TopicsTest, ValidateOnlyChangesNothing) {
  start_broker(1);
  wire::CreateTopicsRequest request;
  request.topics.emplace_back();
  request.topics[0].name = base::TopicName("t");
  request.topics[0].num_partitions = 3;
  request.topics[0].replication_factor = 1;
  request.validate_only = true;
  EXPECT_EQ(serve(request).topics[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(records_, 0u);
  EXPECT_EQ(controller_.image().topic("t"), nullptr);
}

TEST_F(TopicsTest, ANameGivenTwiceIsRefusedOnce) {
  start_broker(1);
  wire::CreateTopicsRequest request;
  for (const auto* name : {"a", "b", "a"}) {
    request.topics.emplace_back();
    request.topics.back().name = base::TopicName(name);
    request.topics.back().num_partitions = 1;
    request.topics.back().replication_factor = 1;
  }
  const auto response = serve(request);
  ASSERT_EQ(response.topics.size(), 2u);
  EXPECT_EQ(response.topics[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.topics[1].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(controller_.image().topic("a"), nullptr);
}

TEST_F(TopicsTest, TopicsAreDeletedByNameAndById) {
  start_broker(1);
  create("a", 1, 1, {{"retention.ms", "5"}});
  create("b", 1);
  create("c", 1);
  wire::DeleteTopicsRequest by_name;
  by_name.topic_names = {base::TopicName("a"), base::TopicName("nope")};
  const auto named = serve(by_name);
  ASSERT_EQ(named.responses.size(), 2u);
  EXPECT_EQ(named.responses[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(named.responses[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(controller_.image().topic("a"), nullptr);
  wire::DeleteTopicsRequest request;
  const auto add = [&](std::optional<std::string> name, base::TopicId id) {
    request.topics.emplace_back();
    if (name) request.topics.back().name = base::TopicName(*name);
    request.topics.back().topic_id = id;
  };
  const base::TopicId b = controller_.image().topic("b")->id;
  add(std::nullopt, b);
  add(std::nullopt, base::TopicId(base::Uuid{.msb = 1, .lsb = 1}));
  add("c", b);
  add(std::nullopt, base::TopicId());
  const auto response = serve(request);
  std::map<ErrorCode, int> codes;
  for (const auto& result : response.responses) codes[result.error_code] += 1;
  EXPECT_EQ(codes, (std::map<ErrorCode, int>{{ErrorCode::kNone, 1},
                                             {ErrorCode::kUnknownTopicId, 1},
                                             {ErrorCode::kInvalidRequest, 2}}));
  EXPECT_EQ(controller_.image().topic("b"), nullptr);
  EXPECT_NE(controller_.image().topic("c"), nullptr);
}

TEST_F(TopicsTest, PartitionsAreAdded) {
  start_broker(1);
  create("t", 2);
  const auto grow = [&](std::string name, int count, bool validate_only = false) {
    wire::CreatePartitionsRequest request;
    request.topics.emplace_back();
    request.topics[0].name = base::TopicName(std::move(name));
    request.topics[0].count = count;
    request.topics[0].assignments = std::nullopt;
    request.validate_only = validate_only;
    const auto result = serve(request).results[0];
    return std::string(wire::name(result.error_code)) + ": " + result.error_message.value_or("");
  };
  EXPECT_EQ(grow("t", 2), "INVALID_PARTITIONS: Topic already has 2 partition(s).");
  EXPECT_EQ(grow("t", 1),
            "INVALID_PARTITIONS: The topic t currently has 2 partition(s); 1 would not be an "
            "increase.");
  EXPECT_TRUE(grow("u", 2).starts_with("UNKNOWN_TOPIC_OR_PARTITION: "));
  EXPECT_EQ(grow("t", 5, true), "NONE: ");
  EXPECT_EQ(controller_.image().topic("t")->partitions.size(), 2u);
  EXPECT_EQ(grow("t", 5), "NONE: ");
  EXPECT_EQ(controller_.image().topic("t")->partitions.size(), 5u);
  EXPECT_EQ(partition("t", 4).leader, BrokerId(1));
}

}  // namespace
}  // namespace moldau::controller
