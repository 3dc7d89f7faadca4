#include "config/broker_config.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

namespace moldau::config {
namespace {

constexpr std::string_view kMinimal =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "controller.listener.names=CONTROLLER\n"
    "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
    "controller.quorum.voters=1@localhost:9093\n"
    "log.dirs=/var/lib/moldau\n";

LoadedConfig load_text(std::string_view text) {
  const auto properties = Properties::parse(text);
  EXPECT_TRUE(properties.has_value());
  return load(*properties);
}

LoadedConfig load_with(std::string_view more) {
  return load_text(std::string(kMinimal) + std::string(more));
}

const Problem* find(const LoadedConfig& loaded, std::string_view key) {
  const auto at = std::ranges::find(loaded.problems, key, &Problem::key);
  return at == loaded.problems.end() ? nullptr : &*at;
}

std::string error_of(std::string_view more, std::string_view key) {
  const auto loaded = load_with(more);
  const Problem* problem = find(loaded, key);
  if (problem == nullptr || problem->kind != Problem::Kind::kError) return "no error";
  EXPECT_FALSE(loaded.ok());
  return problem->message;
}

TEST(BrokerConfig, AFileThatSaysLittleGetsKafkasDefaults) {
  const auto loaded = load_with("");
  EXPECT_TRUE(loaded.problems.empty());
  const BrokerConfig& config = loaded.config;
  EXPECT_TRUE(config.combined());
  EXPECT_EQ(config.node_id, base::BrokerId(1));
  EXPECT_EQ(config.network.request_bytes_max, 104'857'600);
  EXPECT_EQ(config.network.connection_idle_max, Milliseconds64(600'000));
  EXPECT_EQ(config.network.queued_requests_max, 500);
  EXPECT_EQ(config.topics.partitions, 1);
  EXPECT_TRUE(config.topics.auto_create);
  EXPECT_EQ(config.controller.broker_session_timeout, Milliseconds64(9'000));
  EXPECT_EQ(config.controller.leader_imbalance_check_interval, Milliseconds64(300'000));
  EXPECT_EQ(config.metadata_log.dir, "/var/lib/moldau");
  EXPECT_EQ(config.metadata_log.idle_interval_max, Milliseconds64(500));
  EXPECT_EQ(config.log.sync, LogSync::kAck);
  EXPECT_EQ(config.log.topic_defaults, TopicConfig{});
  EXPECT_EQ(config.network.http, (HostPort{.host = "127.0.0.1", .port = 9644}));
}

TEST(BrokerConfig, TheDefaultNodeNeedsNoFile) {
  const auto loaded = load(default_properties("./data"));
  EXPECT_TRUE(loaded.problems.empty());
  const auto& network = loaded.config.network;
  const Listener broker{.name = "PLAINTEXT",
                        .protocol = SecurityProtocol::kPlaintext,
                        .host = "127.0.0.1",
                        .port = 9092};
  EXPECT_EQ(network.broker_listeners, std::vector{broker});
  EXPECT_EQ(network.advertised_broker_listeners, std::vector{broker});
  ASSERT_EQ(network.advertised_controller_listeners.size(), 1u);
  EXPECT_EQ(network.advertised_controller_listeners[0].port, 9093);
  EXPECT_EQ(network.inter_broker_listener, "PLAINTEXT");
  EXPECT_TRUE(loaded.config.quorum.voters.empty());
  EXPECT_EQ(loaded.config.quorum.bootstrap_servers,
            (std::vector{HostPort{.host = "127.0.0.1", .port = 9093}}));
  EXPECT_EQ(loaded.config.log.dirs, std::vector<std::string>{"./data"});
}

TEST(BrokerConfig, NamesKeyValueAndWhatIsAllowed) {
  EXPECT_EQ(error_of("num.partitions=0", "num.partitions"),
            "Invalid value 0 for configuration num.partitions: Value must be at least 1");
  EXPECT_EQ(
      error_of("moldau.log.sync=never", "moldau.log.sync"),
      "Invalid value never for configuration moldau.log.sync: String must be one of: ack, os");
  EXPECT_EQ(
      error_of("log.segment.bytes=1024", "log.segment.bytes"),
      "Invalid value 1024 for configuration log.segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(error_of("moldau.http.listener=here", "moldau.http.listener"),
            "Invalid value here for configuration moldau.http.listener: it is host:port, or empty");
  EXPECT_EQ(
      error_of("process.roles=broker,zookeeper", "process.roles"),
      "Invalid value zookeeper for configuration process.roles: String must be one of: broker, "
      "controller");
}

// Regression: what followed from them was reported too, and first.
TEST(BrokerConfig, ABadValueIsReportedOnce) {
  for (const char* text : {"node.id=abc\n", "listeners=FOO\n", "advertised.listeners=FOO\n"}) {
    const auto loaded = load_with(text);
    ASSERT_EQ(loaded.problems.size(), 1U) << text;
    EXPECT_EQ(loaded.problems[0].key, std::string_view(text).substr(0, std::strcspn(text, "=")));
  }
}

TEST(BrokerConfig, ReportsEveryProblemOfAFile) {
  const auto loaded = load_with("num.partitions=x\nlog.retention.hours=y\nnum.partition=3\n");
  ASSERT_EQ(loaded.problems.size(), 3u);
  EXPECT_EQ(loaded.problems[0].key, "num.partitions");
  EXPECT_EQ(loaded.problems[0].line, 7);
  EXPECT_EQ(loaded.problems[1].key, "log.retention.hours");
  EXPECT_EQ(loaded.problems[2].kind, Problem::Kind::kUnknownKey);
}

TEST(BrokerConfig, AKnownKeyWithoutEffectGetsOneWarningThatSaysWhy) {
  const auto loaded = load_with("num.network.threads=3\nlog.cleaner.threads=2\n");
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.problems.size(), 2u);
  EXPECT_EQ(loaded.problems[0].message,
            "num.network.threads has no effect: the number of loops follows moldau.cores");
  EXPECT_EQ(loaded.problems[1].kind, Problem::Kind::kNoEffect);
}

TEST(BrokerConfig, AnUnknownKeyGetsOneWarningWithTheNearestName) {
  const auto loaded = load_with("num.partition=3\nretention.ms=5\nfoo=bar\nrsm.config.x=y\n");
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.problems.size(), 4u);
  EXPECT_EQ(find(loaded, "num.partition")->message,
            "num.partition is not a known configuration; did you mean num.partitions?");
  EXPECT_EQ(find(loaded, "retention.ms")->message,
            "retention.ms is not a known configuration: it is set for a topic; for all topics set "
            "log.retention.ms");
  EXPECT_EQ(find(loaded, "foo")->message, "foo is not a known configuration");
  EXPECT_EQ(find(loaded, "rsm.config.x")->kind, Problem::Kind::kNoEffect);
}

TEST(BrokerConfig, AListenerPrefixIsLookedThrough) {
  const auto loaded = load_with(
      "listener.name.plaintext.ssl.keystore.type=PEM\n"
      "listener.name.plaintext.max.connections=5\n"
      "listener.name.plaintext.nonsense=1\n"
      "listener.name.plaintext.plain.sasl.jaas.config=secret\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(find(loaded, "listener.name.plaintext.ssl.keystore.type")->kind,
            Problem::Kind::kNoEffect);
  EXPECT_EQ(find(loaded, "listener.name.plaintext.max.connections")->message,
            "listener.name.plaintext.max.connections has no effect: it cannot differ between "
            "listeners yet");
  EXPECT_EQ(find(loaded, "listener.name.plaintext.nonsense")->kind, Problem::Kind::kUnknownKey);
  EXPECT_EQ(find(loaded, "listener.name.plaintext.plain.sasl.jaas.config")->kind,
            Problem::Kind::kNoEffect);
}

TEST(BrokerConfig, RequiredKeysAreMissed) {
  const auto loaded = load_text("log.dirs=/d\n");
  EXPECT_FALSE(loaded.ok());
  for (const auto* key : {"process.roles", "node.id", "controller.listener.names"}) {
    ASSERT_NE(find(loaded, key), nullptr) << key;
    EXPECT_EQ(find(loaded, key)->message, std::string("Missing required configuration \"") + key +
                                              "\" which has no default value.");
  }
}

TEST(BrokerConfig, BrokerIdIsTheOldNameOfNodeId) {
  const auto loaded = load_text(
      "process.roles=broker\nbroker.id=7\ncontroller.listener.names=C\n"
      "controller.quorum.bootstrap.servers=c:1\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.node_id, base::BrokerId(7));
  EXPECT_NE(error_of("broker.id=2\n", "broker.id"), "no error");
}

TEST(BrokerConfig, ListenersHaveNamesPortsAndProtocols) {
  EXPECT_NE(error_of("listeners=PLAINTEXT://:9092,PLAINTEXT://:9093\n", "listeners"), "no error");
  EXPECT_NE(error_of("listeners=PLAINTEXT://:9092,CONTROLLER://:9092\n", "listeners"), "no error");
  EXPECT_NE(error_of("listeners=nonsense\n", "listeners"), "no error");
  EXPECT_NE(error_of("listeners=PLAINTEXT://h:99999,CONTROLLER://h:1\n", "listeners"), "no error");
  EXPECT_NE(error_of("listeners=OTHER://h:1,CONTROLLER://h:2\n", "listeners"), "no error");
  EXPECT_NE(error_of("listener.security.protocol.map=A:B\n", "listener.security.protocol.map"),
            "no error");
  EXPECT_NE(error_of("listeners=SSL://h:1,CONTROLLER://h:2\n", "listeners"), "no error");
  const auto both = load_with(
      "listeners=PLAINTEXT://127.0.0.1:9092,P6://[::1]:9092,CONTROLLER://h:1\n"
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,P6:PLAINTEXT,"
      "CONTROLLER:PLAINTEXT\n");
  EXPECT_TRUE(both.ok());
  EXPECT_EQ(both.config.network.broker_listeners[1].host, "::1");
}

TEST(BrokerConfig, AdvertisedListenersAreRoutableAndBound) {
  EXPECT_NE(error_of("advertised.listeners=PLAINTEXT://0.0.0.0:9092\n", "advertised.listeners"),
            "no error");
  EXPECT_NE(error_of("advertised.listeners=SSL://h:9092\n", "advertised.listeners"), "no error");
  EXPECT_NE(error_of("listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://h:1\n", "listeners"),
            "no error");
  const auto loaded = load_with(
      "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://:9093\n"
      "advertised.listeners=PLAINTEXT://broker.example:19092\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.network.advertised_broker_listeners[0].host, "broker.example");
  // Without an advertised address a controller is known by its entry among the voters.
  EXPECT_EQ(loaded.config.network.advertised_controller_listeners[0].host, "localhost");
}

TEST(BrokerConfig, RolesAndQuorumFitTogether) {
  EXPECT_NE(error_of("controller.quorum.voters=2@h:1\n", "controller.quorum.voters"), "no error");
  EXPECT_NE(error_of("controller.quorum.voters=1@h\n", "controller.quorum.voters"), "no error");
  EXPECT_NE(error_of("process.roles=broker\n", "controller.quorum.voters"), "no error");
  EXPECT_NE(error_of("process.roles=controller\n", "listeners"), "no error");
  EXPECT_NE(error_of("controller.listener.names=OTHER\n", "controller.listener.names"), "no error");
  EXPECT_NE(error_of("inter.broker.listener.name=CONTROLLER\n", "inter.broker.listener.name"),
            "no error");
  const auto none = load_text(
      "process.roles=broker\nnode.id=1\ncontroller.listener.names=C\nlisteners=PLAINTEXT://h:1\n");
  EXPECT_NE(find(none, "controller.quorum.bootstrap.servers"), nullptr);
}

TEST(BrokerConfig, OlderSpellingsCountWhereMillisecondsAreNotSet) {
  const auto hours = load_with("log.retention.hours=2\nlog.roll.hours=3\n");
  EXPECT_EQ(hours.config.log.topic_defaults.retention_time, Milliseconds64(7'200'000));
  EXPECT_EQ(hours.config.log.topic_defaults.segment_time, Milliseconds64(10'800'000));
  const auto minutes = load_with("log.retention.hours=2\nlog.retention.minutes=1\n");
  EXPECT_EQ(minutes.config.log.topic_defaults.retention_time, Milliseconds64(60'000));
  const auto ms = load_with("log.retention.minutes=1\nlog.retention.ms=5\n");
  EXPECT_EQ(ms.config.log.topic_defaults.retention_time, Milliseconds64(5));
  const auto forever = load_with("log.retention.hours=-1\n");
  EXPECT_EQ(forever.config.log.topic_defaults.retention_time, Milliseconds64(-1));
  EXPECT_NE(error_of("log.retention.ms=0\n", "log.retention.ms"), "no error");
}

TEST(BrokerConfig, KafkasOwnSampleFileIsAccepted) {
  const auto loaded = load_text(
      "process.roles=broker,controller\nnode.id=1\n"
      "controller.quorum.bootstrap.servers=localhost:9093\n"
      "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
      "inter.broker.listener.name=PLAINTEXT\n"
      "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
      "controller.listener.names=CONTROLLER\n"
      "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,"
      "SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n"
      "num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n"
      "socket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n"
      "log.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\nnum.recovery.threads.per.data.dir=2\n"
      "offsets.topic.replication.factor=1\nshare.coordinator.state.topic.replication.factor=1\n"
      "share.coordinator.state.topic.min.isr=1\ntransaction.state.log.replication.factor=1\n"
      "transaction.state.log.min.isr=1\nlog.retention.hours=168\nlog.segment.bytes=1073741824\n"
      "log.retention.check.interval.ms=300000\n");
  EXPECT_TRUE(loaded.ok());
  for (const auto& problem : loaded.problems) {
    EXPECT_EQ(problem.kind, Problem::Kind::kNoEffect) << problem.message;
  }
  EXPECT_EQ(loaded.config.network.advertised_controller_listeners[0].host, "localhost");
  EXPECT_EQ(loaded.config.network.receive_buffer_bytes, 102400);
}

// The one default that is not Kafka's.
TEST(BrokerConfig, TheSystemSizesReceiveBuffersUnlessToldOtherwise) {
  const auto loaded = load_with("");
  EXPECT_EQ(loaded.config.network.receive_buffer_bytes, -1);
  EXPECT_EQ(loaded.config.network.send_buffer_bytes, 102400);
}

}  // namespace
}  // namespace moldau::config
