// DescribeLogDirs: sizes of the logs by data directory, and the space of its disk.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/shard.h"
#include "rt/call_all.h"

namespace moldau::broker {
namespace {

using storage::LogSize;

rt::Task<std::vector<LogSize>> sizes_here(Shard& shard) {
  co_return co_await shard.log_store().sizes();
}

struct DirectoryState {
  base::DirectoryId id;
  std::string path;
  std::optional<rt::DiskSpace> space;  // nothing when the system does not tell
};

constexpr std::int64_t kUnknownBytes = -1;

rt::Task<std::vector<DirectoryState>> directories(Broker& broker) {
  std::vector<DirectoryState> states;
  const auto& data_dirs = broker.config().log.dirs;
  for (const auto& directory : broker.storage().directories()) {
    // One that holds the metadata log alone has no topics' logs.
    if (std::ranges::find(data_dirs, directory->path()) == data_dirs.end()) continue;
    auto& state = states.emplace_back();
    state.id = directory->id();
    state.path = directory->path();
    const auto space = co_await broker.loop0().disk().space(directory->path());
    if (space) state.space = *space;
  }
  co_return states;
}

// Whether the request asks for the partition: no list means all.
class Filter {
 public:
  explicit Filter(const wire::DescribeLogDirsRequest& request) : all_(!request.topics) {
    if (all_) return;
    for (const auto& topic : *request.topics) {
      for (const base::PartitionIndex index : topic.partitions)
        wanted_.insert({topic.topic, index});
    }
  }
  [[nodiscard]] bool wants(const LogSize& log) const {
    return all_ || wanted_.contains(log.partition);
  }

 private:
  bool all_;
  std::set<base::TopicPartition> wanted_;
};

}  // namespace

rt::Task<wire::DescribeLogDirsResponse> handle_describe_log_dirs(
    Shard& shard, RequestContext context, wire::DescribeLogDirsRequest request) {
  wire::DescribeLogDirsResponse response;
  if (!shard.authorizer().authorize(context, Operation::kDescribe, ResourceType::kCluster,
                                    kClusterResource)) {
    response.error_code = wire::ErrorCode::kClusterAuthorizationFailed;
    co_return response;
  }
  Broker& broker = shard.broker();
  const auto states = co_await rt::call(shard.loop(), broker.loop0(), directories(broker));
  rt::CallAll<std::vector<LogSize>> calls(shard.loop());
  for (std::size_t i = 0; i < broker.shard_count(); ++i) {
    calls.add(broker.shard(i).loop(), sizes_here(broker.shard(i)));
  }
  const Filter filter(request);
  std::map<base::DirectoryId, std::map<base::TopicName, std::map<base::PartitionIndex, LogSize>>>
      logs;
  for (const auto& sizes : co_await calls) {
    for (const LogSize& log : sizes) {
      if (!filter.wants(log)) continue;
      logs[log.directory][log.partition.topic][log.partition.partition] = log;
    }
  }
  for (const DirectoryState& state : states) {
    auto& result = response.results.emplace_back();
    result.log_dir = state.path;
    result.total_bytes =
        state.space ? static_cast<std::int64_t>(state.space->total_bytes) : kUnknownBytes;
    result.usable_bytes =
        state.space ? static_cast<std::int64_t>(state.space->free_bytes) : kUnknownBytes;
    for (const auto& [name, partitions] : logs[state.id]) {
      auto& topic = result.topics.emplace_back();
      topic.name = name;
      for (const auto& [index, log] : partitions) {
        auto& entry = topic.partitions.emplace_back();
        entry.partition_index = index;
        entry.partition_size = static_cast<std::int64_t>(log.bytes);
      }
    }
  }
  co_return response;
}

}  // namespace moldau::broker
