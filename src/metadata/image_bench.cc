// What an image costs: building 10,000 topics with 10 partitions each, one change on top of a
// shared image, looking up, iterating, writing and loading a snapshot. Prints one line each.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <sys/resource.h>

#include "base/rng.h"
#include "metadata/delta.h"
#include "metadata/snapshot.h"

namespace moldau::metadata {
namespace {

constexpr int kTopics = 10'000;
constexpr int kPartitions = 10;

long resident_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

template <class Work>
void measure(const char* what, std::int64_t count, Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  std::printf("%-40s %10.1f ms %10.0f ns each\n", what, took.count() / 1e6,
              took.count() / static_cast<double>(count));
}

base::TopicId topic_id(std::uint64_t number) {
  base::Rng rng(number);
  return base::TopicId(base::Uuid::random(rng));
}

Record at30(wire::MetadataRecord record) {
  const auto version = record_version(record, kDefaultMetadataVersion);
  return {.record = std::move(record), .version = version};
}

void build(Delta& delta) {
  wire::FeatureLevelRecord level;
  level.name = std::string(kMetadataVersionFeature);
  level.feature_level = 30;
  static_cast<void>(delta.apply(at30(level)));
  for (int t = 0; t < kTopics; ++t) {
    wire::TopicRecord topic;
    topic.name = base::TopicName("some-topic-" + std::to_string(t));
    topic.topic_id = topic_id(static_cast<std::uint64_t>(t));
    static_cast<void>(delta.apply(at30(topic)));
    for (int p = 0; p < kPartitions; ++p) {
      wire::PartitionRecord partition;
      partition.topic_id = topic.topic_id;
      partition.partition_id = base::PartitionIndex(p);
      partition.replicas = {base::BrokerId(1)};
      partition.isr = partition.replicas;
      partition.leader = base::BrokerId(1);
      partition.directories = {base::DirectoryId(base::Uuid{.msb = 1, .lsb = 1})};
      static_cast<void>(delta.apply(at30(partition)));
    }
  }
}

void run() {
  constexpr std::int64_t kAll = std::int64_t{kTopics} * kPartitions;
  const long before = resident_kib();
  Delta delta{Image()};
  measure("build 10,000 topics, 100,000 partitions", kAll, [&] { build(delta); });
  const Image image = delta.take_image();
  std::printf("%-40s %10ld KiB %10ld bytes a partition\n", "memory with record of changes",
              resident_kib() - before, (resident_kib() - before) * 1024 / kAll);
  measure("one change on a shared image, 10,000 times", 10'000, [&] {
    Image now = image;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      Delta one(now);
      wire::PartitionChangeRecord change;
      change.topic_id = topic_id(i);
      change.partition_id = base::PartitionIndex(static_cast<int>(i % kPartitions));
      change.leader = base::BrokerId(1);
      static_cast<void>(one.apply(at30(change)));
      now = one.take_image();
    }
  });
  std::int64_t found = 0;
  measure("look up by name", kTopics, [&] {
    for (int t = 0; t < kTopics; ++t) {
      found += image.topic("some-topic-" + std::to_string(t)) == nullptr ? 0 : 1;
    }
  });
  measure("walk all partitions", kAll, [&] {
    for (const auto& [id, topic] : image.topics()) {
      for (const auto& [index, partition] : topic->partitions) found += partition.leader.value();
    }
  });
  std::vector<Record> records;
  measure("snapshot records", kAll, [&] { records = snapshot_records(image); });
  measure("load them", kAll, [&] {
    Delta loaded{Image()};
    for (const auto& record : records) static_cast<void>(loaded.apply(record));
  });
  std::printf("%lld found\n", static_cast<long long>(found));
}

}  // namespace
}  // namespace moldau::metadata

int main() { moldau::metadata::run(); }
