#include "controller/internal/partition_change.h"

#include <set>

#include <gtest/gtest.h>

#include "metadata/delta.h"

namespace moldau::controller {
namespace {

using base::BrokerId;
using metadata::LeaderRecoveryState;
using metadata::Partition;

std::vector<BrokerId> ids(std::vector<int> values) {
  std::vector<BrokerId> out;
  for (const int value : values) out.emplace_back(value);
  return out;
}

Partition partition(std::vector<int> replicas, std::vector<int> isr, int leader) {
  Partition out;
  out.replicas = metadata::Replicas(ids(replicas));
  out.isr = metadata::Replicas(ids(isr));
  out.leader = BrokerId(leader);
  out.directories = metadata::Directories(
      std::vector(replicas.size(), base::DirectoryId(base::Uuid{.msb = 1, .lsb = 1})));
  return out;
}

struct World {
  std::set<int> alive{1, 2, 3, 4};
  std::int16_t level = 30;
  int min_isr = 1;
  bool elr = false;

  PartitionChange change(const Partition& of) const {
    return {of,
            {.topic_id = {}, .partition = base::PartitionIndex(0)},
            {.may_lead = [this](BrokerId broker) { return alive.contains(broker.value()); },
             .default_directory = [](BrokerId) { return base::kDirectoryUnassigned; },
             .version = *metadata::MetadataVersion::from_level(level),
             .min_isr = min_isr,
             .elr_enabled = elr}};
  }
};

TEST(PartitionChange, NothingToDoIsNoRecord) {
  const Partition now = partition({1, 2}, {1, 2}, 1);
  EXPECT_FALSE(World().change(now).build());
}

TEST(PartitionChange, KeepsAGoodLeaderElseTakesTheFirstInSync) {
  const Partition now = partition({1, 2, 3}, {1, 3}, 1);
  World world;
  EXPECT_FALSE(world.change(now).build());
  world.alive = {2, 3};
  const auto record = world.change(now).isr(ids({3})).build();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->leader, BrokerId(3));
  EXPECT_EQ(record->isr, ids({3}));
  EXPECT_EQ(record->leader_recovery_state, -1);
}

TEST(PartitionChange, TheLastMemberStaysInSyncWhenItGoes) {
  const Partition now = partition({1}, {1}, 1);
  World world;
  world.alive = {};
  const auto gone = world.change(now).isr({}).build();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->leader, metadata::kNoLeader);
  EXPECT_FALSE(gone->isr);
  // When it comes back it leads again, with all it had.
  Partition later = now;
  later.leader = metadata::kNoLeader;
  world.alive = {1};
  const auto back = world.change(later).build();
  ASSERT_TRUE(back);
  EXPECT_EQ(back->leader, BrokerId(1));
  EXPECT_EQ(back->leader_recovery_state, -1);
}

TEST(PartitionChange, AnUncleanLeaderIsAloneAndRecovers) {
  const Partition now = partition({1, 2}, {1}, 1);
  World world;
  world.alive = {2};
  EXPECT_EQ(world.change(now).isr({}).build()->leader, metadata::kNoLeader);
  const auto record = world.change(now).isr({}).election(Election::kUnclean).build();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->leader, BrokerId(2));
  EXPECT_EQ(record->isr, ids({2}));
  EXPECT_EQ(record->leader_recovery_state, 1);
}

TEST(PartitionChange, PrefersTheFirstReplicaWhenAsked) {
  const Partition now = partition({1, 2}, {1, 2}, 2);
  EXPECT_FALSE(World().change(now).build());
  const auto record = World().change(now).election(Election::kPreferred).build();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->leader, BrokerId(1));
  World world;
  world.alive = {2};
  EXPECT_FALSE(world.change(now).election(Election::kPreferred).build());
}

TEST(PartitionChange, AnOldLevelBumpsTheLeaderEpochOnShrink) {
  const Partition now = partition({1, 2}, {1, 2}, 1);
  World world;
  const auto plain = world.change(now).isr(ids({1})).build();
  EXPECT_EQ(plain->leader, metadata::kNoLeaderChange);
  world.level = 11;
  const auto bumped = world.change(now).isr(ids({1})).build();
  EXPECT_EQ(bumped->leader, BrokerId(1));
}

TEST(PartitionChange, AReassignmentEndsWhenTheNewOnesAreInSync) {
  Partition now = partition({2, 3, 1}, {1, 2}, 1);
  now.adding_replicas = metadata::Replicas(ids({2, 3}));
  now.removing_replicas = metadata::Replicas(ids({1}));
  World world;
  EXPECT_FALSE(world.change(now).build());
  const auto record = world.change(now).isr(ids({1, 2, 3})).build();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->replicas, ids({2, 3}));
  EXPECT_EQ(record->isr, ids({2, 3}));
  EXPECT_EQ(record->leader, BrokerId(2));
  EXPECT_EQ(record->adding_replicas, ids({}));
  EXPECT_EQ(record->removing_replicas, ids({}));
  EXPECT_EQ(record->directories->size(), 2u);
}

TEST(PartitionChange, FewerReplicasWaitForAllThatStay) {
  Partition now = partition({1, 2, 3}, {1, 2, 3}, 1);
  now.removing_replicas = metadata::Replicas(ids({3}));
  World world;
  EXPECT_TRUE(world.change(now).build());
  EXPECT_FALSE(world.change(now).isr(ids({1, 3})).build()->replicas);
}

TEST(PartitionChange, WithElrTheIsrMayBecomeEmpty) {
  const Partition now = partition({1, 2}, {1}, 1);
  World world;
  world.elr = true;
  world.min_isr = 2;
  world.alive = {};
  const auto record = world.change(now).isr({}).build();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->isr, ids({}));
  EXPECT_EQ(record->eligible_leader_replicas, ids({1}));
  EXPECT_EQ(record->last_known_elr, ids({1}));
  EXPECT_EQ(record->leader, metadata::kNoLeader);
  // From the ELR it leads cleanly.
  Partition later = *metadata::merge(now, *record);
  world.alive = {1};
  const auto back = world.change(later).build();
  ASSERT_TRUE(back);
  EXPECT_EQ(back->leader, BrokerId(1));
  EXPECT_EQ(back->isr, ids({1}));
  EXPECT_EQ(back->eligible_leader_replicas, ids({}));
  EXPECT_EQ(back->last_known_elr, ids({}));
  EXPECT_EQ(back->leader_recovery_state, -1);
}

TEST(PartitionChange, AnUncleanShutdownLeavesTheElr) {
  const Partition now = partition({1, 2}, {1}, 1);
  World world;
  world.elr = true;
  world.min_isr = 2;
  world.alive = {2};
  const auto record = world.change(now).isr({}).unclean_shutdown(ids({1})).build();
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->eligible_leader_replicas);
  EXPECT_EQ(record->leader, metadata::kNoLeader);
}

TEST(PartitionChange, AFullIsrClearsTheElr) {
  Partition now = partition({1, 2}, {1}, 1);
  now.eligible_leader_replicas = metadata::Replicas(ids({2}));
  World world;
  world.elr = true;
  world.min_isr = 2;
  const auto record = world.change(now).isr(ids({1, 2})).build();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->eligible_leader_replicas, ids({}));
}

}  // namespace
}  // namespace moldau::controller
