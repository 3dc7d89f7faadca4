// Formatting on a simulated disk: what is refused, and that nothing is written then.
#include "broker/format_node.h"

#include <set>

#include <gtest/gtest.h>

#include "raft/snapshot.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"
#include "storage/format.h"
#include "storage/snapshot_files.h"

namespace moldau::broker {
namespace {

constexpr const char* kCluster = "the-cluster";

class FormatNode : public ::testing::Test {
 protected:
  FormatNode() : node_(world_.add_node({.name = "n", .loops = 1})) {}

  rt::Loop& loop() { return node_.loop(0); }
  template <class T>
  T run(rt::Task<T> task) {
    return sim::run_task(world_, loop(), std::move(task));
  }
  static config::BrokerConfig config(const std::string& directories, bool voters = false) {
    config::Properties properties = config::default_properties("/a");
    properties.set("log.dirs", directories);
    if (voters) {
      properties.set("controller.quorum.bootstrap.servers", "");
      properties.set("controller.quorum.voters", "1@127.0.0.1:9093");
    }
    auto loaded = config::load(properties);
    EXPECT_TRUE(loaded.ok());
    return std::move(loaded.config);
  }
  auto format(const config::BrokerConfig& config, FormatRequest request) {
    return run(format_node(loop(), config, std::move(request)));
  }
  auto first_start(const config::BrokerConfig& config) {
    return run(format_first_start(loop(), config));
  }
  void write(const std::string& path) {
    EXPECT_TRUE(run(node_.disk().make_directories(path.substr(0, path.rfind('/')))).has_value());
    EXPECT_TRUE(run(rt::write_file_atomically(node_.disk(), path, base::SharedBytes::copy_of("x")))
                    .has_value());
  }
  bool exists(const std::string& path) { return run(node_.disk().info(path)).has_value(); }
  std::optional<storage::MetaProperties> meta(const std::string& directory) {
    auto found = run(storage::read_meta_properties(node_.disk(), directory));
    EXPECT_TRUE(found.has_value());
    return std::move(*found);
  }

  sim::Simulation world_{{.seed = 1, .log_level = base::LogLevel::kError}};
  sim::Node& node_;
};

#define EXPECT_REFUSED(outcome, part)                                                \
  do {                                                                               \
    ASSERT_FALSE((outcome).has_value());                                             \
    EXPECT_NE((outcome).error().find(part), std::string::npos) << (outcome).error(); \
  } while (false)

TEST_F(FormatNode, WritesEveryDirectoryOnce) {
  const auto node = config("/a,/b");
  const auto formatted = format(node, {.cluster_id = kCluster, .standalone = true});
  ASSERT_TRUE(formatted.has_value()) << formatted.error();
  EXPECT_EQ(formatted->formatted, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(meta("/a")->cluster_id, kCluster);
  EXPECT_NE(meta("/a")->directory_id, meta("/b")->directory_id);
  EXPECT_TRUE(exists("/a/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"));
  EXPECT_FALSE(exists("/b/__cluster_metadata-0"));
  EXPECT_REFUSED(format(node, {.cluster_id = kCluster, .standalone = true}),
                 "/a is already formatted");
  const auto again =
      format(node, {.cluster_id = kCluster, .ignore_formatted = true, .standalone = true});
  ASSERT_TRUE(again.has_value()) << again.error();
  EXPECT_EQ(again->untouched, (std::vector<std::string>{"/a", "/b"}));
}

// Kafka: createStandaloneDynamicVoters.
TEST_F(FormatNode, AListenerWithoutAHostMakesAVoterOnLocalhost) {
  auto node = config("/a");
  node.network.advertised_controller_listeners.front().host = "";
  ASSERT_TRUE(format(node, {.cluster_id = kCluster, .standalone = true}).has_value());
  const auto bytes =
      run(storage::read_snapshot(node_.disk(), "/a/__cluster_metadata-0", storage::SnapshotName{}));
  ASSERT_TRUE(bytes.has_value());
  const auto head = raft::read_snapshot_head(*bytes);
  ASSERT_TRUE(head.has_value());
  const auto& endpoints = head->control.voters->by_id().begin()->second.endpoints;
  EXPECT_EQ(endpoints.begin()->second.host, "localhost");
}

TEST_F(FormatNode, StandaloneAndFixedVotersExcludeEachOther) {
  EXPECT_REFUSED(format(config("/a", true), {.cluster_id = kCluster, .standalone = true}),
                 "controller.quorum.voters");
  EXPECT_FALSE(exists("/a"));
}

// Regression: the first directory kept the new cluster's id when the second was refused.
TEST_F(FormatNode, ARefusalLeavesAllDirectoriesAsTheyWere) {
  ASSERT_TRUE(format(config("/b"), {.cluster_id = kCluster, .standalone = true}).has_value());
  EXPECT_REFUSED(format(config("/a,/b"), {.cluster_id = "another", .standalone = true}),
                 "/b is already formatted");
  EXPECT_FALSE(exists("/a"));
}

// Regression: the rest was formatted with the other id, and the node could not start.
TEST_F(FormatNode, WhatIsFormattedMustAgreeWithWhatIsAsked) {
  ASSERT_TRUE(format(config("/b"), {.cluster_id = kCluster, .standalone = true}).has_value());
  EXPECT_REFUSED(format(config("/a,/b"),
                        {.cluster_id = "another", .ignore_formatted = true, .standalone = true}),
                 "/b has cluster.id the-cluster, not another");
  auto other = config("/a,/b");
  other.node_id = base::BrokerId(2);
  EXPECT_REFUSED(
      format(other, {.cluster_id = kCluster, .ignore_formatted = true, .standalone = true}),
      "/b has node.id 1, not 2");
  EXPECT_FALSE(exists("/a"));
}

TEST_F(FormatNode, ADirectoryInUseIsNotFormatted) {
  ASSERT_TRUE(run(node_.disk().make_directories("/a")).has_value());
  const auto lock = run(node_.disk().lock("/a/.lock"));
  ASSERT_TRUE(lock.has_value());
  EXPECT_REFUSED(format(config("/a"), {.cluster_id = kCluster, .standalone = true}), "in use");
  EXPECT_REFUSED(first_start(config("/a")), "in use");
}

TEST_F(FormatNode, AFirstStartFormatsEmptyDirectories) {
  // What an interrupted format and the system leave counts as empty.
  write("/a/lost+found/x");
  write("/a/bootstrap.checkpoint");
  write("/a/meta.properties.tmp");
  write("/a/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint.part");
  const auto made = first_start(config("/a,/b"));
  ASSERT_TRUE(made.has_value()) << made.error();
  EXPECT_EQ(made->formatted.size(), 2U);
  EXPECT_EQ(meta("/b")->cluster_id, made->cluster_id);
  const auto again = first_start(config("/a,/b"));
  ASSERT_TRUE(again.has_value()) << again.error();
  EXPECT_TRUE(again->formatted.empty());
}

// Regression: a lost meta.properties made a new cluster over old data.
TEST_F(FormatNode, AFirstStartLeavesDataWithoutAnIdentityAlone) {
  for (const std::string used :
       {"orders-0/00000000000000000000.log", "__cluster_metadata-0/quorum-state", "moldau.journal",
        "recovery-point-offset-checkpoint"}) {
    const std::string directory = "/" + used.substr(0, 4);
    write(directory + "/" + used);
    EXPECT_REFUSED(first_start(config("/a," + directory)), directory + " has no meta.properties");
    EXPECT_FALSE(meta(directory).has_value());
    EXPECT_FALSE(meta("/a").has_value());
  }
}

}  // namespace
}  // namespace moldau::broker
