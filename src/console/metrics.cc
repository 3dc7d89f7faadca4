#include "console/metrics.h"

#include <cstdio>

namespace moldau::console {
namespace {

using broker::NodeSnapshot;
using broker::ShardSnapshot;

class Text {
 public:
  void describe(std::string_view name, std::string_view type, std::string_view help) {
    out_ += "# HELP ";
    out_ += name;
    out_ += ' ';
    out_ += help;
    out_ += "\n# TYPE ";
    out_ += name;
    out_ += ' ';
    out_ += type;
    out_ += '\n';
  }
  void value(std::string_view name, std::string_view labels, double number) {
    out_ += name;
    if (!labels.empty()) {
      out_ += '{';
      out_ += labels;
      out_ += '}';
    }
    char digits[40];
    std::snprintf(digits, sizeof digits, " %.17g\n", number);
    out_ += digits;
  }
  // One value without labels, described.
  void single(std::string_view name, std::string_view type, std::string_view help, double number) {
    describe(name, type, help);
    value(name, "", number);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

void node_part(Text& text, const NodeSnapshot& node) {
  text.describe("moldau_node_info", "gauge", "The node: 1.");
  text.value("moldau_node_info",
             "node_id=\"" + std::to_string(node.node_id.value()) + "\",cluster_id=\"" +
                 node.cluster_id + "\",state=\"" + std::string(node.lifecycle) + "\"",
             1);
  text.single("moldau_quorum_leader", "gauge", "Node that leads the metadata quorum, -1: none.",
              node.quorum_leader.value());
  text.single("moldau_quorum_epoch", "gauge", "Epoch of the metadata quorum.",
              node.quorum_epoch.value());
  text.single("moldau_metadata_offset", "gauge", "Last metadata offset in force on this node.",
              static_cast<double>(node.metadata_offset.value()));
  text.single("moldau_cluster_topics", "gauge", "Topics of the cluster.",
              static_cast<double>(node.topics));
  text.single("moldau_cluster_partitions", "gauge", "Partitions of the cluster.",
              static_cast<double>(node.partitions));
}

struct ShardMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*of)(const ShardSnapshot&);
};

constexpr ShardMetric kShardMetrics[] = {
    {"moldau_partitions", "gauge", "Partitions held by this loop.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.partitions); }},
    {"moldau_partitions_opening", "gauge", "Partitions whose log is being opened or removed.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.partitions_opening); }},
    {"moldau_connections", "gauge", "Open Kafka connections.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.connections); }},
    {"moldau_request_frame_bytes", "gauge", "Memory of request frames not yet answered.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.frame_bytes); }},
    {"moldau_fetch_sessions", "gauge", "Incremental fetch sessions.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.fetch_sessions); }},
    {"moldau_appended_bytes_total", "counter", "Bytes of batches taken from producers.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.requests.appended_bytes); }},
    {"moldau_appended_records_total", "counter", "Records taken from producers.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.requests.appended_records); }},
    {"moldau_fetched_bytes_total", "counter", "Bytes of batches given to consumers.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.requests.fetched_bytes); }},
    {"moldau_log_open_files", "gauge", "Open log files.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.open_files); }},
    {"moldau_log_pending_bytes", "gauge", "Appended and not yet durable.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.pending_bytes); }},
    {"moldau_tail_cache_bytes", "gauge", "Recent batches kept for readers who keep up.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.tail_cache_bytes); }},
    {"moldau_commit_rounds_total", "counter", "Group commits.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.rounds); }},
    {"moldau_journaled_bytes_total", "counter", "Bytes made durable by the journal.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.journaled_bytes); }},
    {"moldau_synced_in_place_bytes_total", "counter", "Bytes made durable in their own segment.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.in_place_bytes); }},
    {"moldau_syncs_in_place_total", "counter", "Logs synced for these bytes.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.in_place_syncs); }},
    {"moldau_page_cache_returned_bytes_total", "counter",
     "Written bytes given back to the kernel, beyond moldau.page.cache.bytes.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.forgotten_bytes); }},
    {"moldau_reserved_bytes_total", "counter", "Blocks that segments got ahead of their end.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.reserved_bytes); }},
    {"moldau_reads_cached_total", "counter", "Reads answered from the tail cache.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.reads_cached); }},
    {"moldau_reads_disk_total", "counter", "Reads that needed the disk.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.storage.reads_disk); }},
    {"moldau_loop_busy_seconds_total", "counter", "Time in which the loop did not wait.",
     [](const ShardSnapshot& s) { return seconds(s.loop.busy); }},
    {"moldau_loop_queue_depth", "gauge", "Jobs that waited when the loop's last turn began.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.loop.queue_depth); }},
    {"moldau_loop_queue_depth_max", "gauge", "The most jobs that ever waited so.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.loop.queue_depth_max); }},
    {"moldau_disk_operations_in_flight", "gauge", "Reads, writes and syncs under way.",
     [](const ShardSnapshot& s) { return static_cast<double>(s.loop.disk_in_flight); }},
};

void shard_part(Text& text, const NodeSnapshot& node) {
  for (const ShardMetric& metric : kShardMetrics) {
    text.describe(metric.name, metric.type, metric.help);
    for (std::size_t i = 0; i < node.shards.size(); ++i) {
      text.value(metric.name, "loop=\"" + std::to_string(i) + "\"", metric.of(node.shards[i]));
    }
  }
}

void histogram(Text& text, std::string_view api, const broker::ApiStats& stats) {
  constexpr std::string_view kName = "moldau_request_seconds";
  const std::string label = "api=\"" + std::string(api) + "\"";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < broker::kLatencyBuckets; ++i) {
    below += stats.buckets[i];
    char bound[32] = "+Inf";
    if (i + 1 < broker::kLatencyBuckets) {
      std::snprintf(bound, sizeof bound, "%.9g", seconds(broker::kLatencyFirstBucket * (1U << i)));
    }
    text.value(std::string(kName) + "_bucket", label + ",le=\"" + bound + "\"",
               static_cast<double>(below));
  }
  text.value(std::string(kName) + "_sum", label, seconds(stats.total));
  text.value(std::string(kName) + "_count", label, static_cast<double>(stats.count));
}

void request_part(Text& text, const broker::Admin& admin, const NodeSnapshot& node) {
  broker::RequestStats total;
  for (const ShardSnapshot& shard : node.shards) total += shard.requests;
  text.describe("moldau_request_seconds", "histogram",
                "Time from a request's arrival until its answer is ready.");
  for (std::size_t key = 0; key < broker::kApiKeysMax; ++key) {
    if (total.by_api[key].count == 0) continue;
    histogram(text, admin.api_name(static_cast<std::int16_t>(key)), total.by_api[key]);
  }
}

}  // namespace

std::string metrics_text(const broker::Admin& admin, const NodeSnapshot& node) {
  Text text;
  node_part(text, node);
  shard_part(text, node);
  request_part(text, admin, node);
  return text.take();
}

}  // namespace moldau::console
