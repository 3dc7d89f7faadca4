// moldau bench produce|consume|latency: load on a cluster, and what it did under it.
#include <iostream>
#include <map>
#include <memory>
#include <unistd.h>

#include <fmt/core.h>

#include "client/admin.h"
#include "cmd/moldau/bench_load.h"
#include "cmd/moldau/client_options.h"
#include "cmd/moldau/codec_option.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/output.h"
#include "io/runtime.h"
#include "rt/call_all.h"
#include "rt/scope.h"
#include "rt/sleep.h"

namespace moldau::cmd {
namespace {

using LoadTask = rt::Task<LoadResult> (*)(client::Cluster&, LoadOptions, Progress&);

struct BenchOptions {
  ClientOptions client;
  CodecOption codec;
  std::string topic = "moldau-bench";
  std::int32_t partitions = 1;
  std::uint64_t records = 1'000'000;
  double seconds = 0;
  double warmup = 0;
  std::size_t size = 1024;
  std::size_t clients = 1;
  std::size_t cores = 1;
  double rate = 0;
  double linger_ms = 5;
  std::size_t batch_bytes = client::ProducerOptions{}.batch_bytes;
  std::size_t in_flight = client::kIdempotentInFlightMax;
  std::size_t buffer_bytes = client::ProducerOptions{}.buffer_bytes_max;
  int acks = -1;
  Spread spread = Spread::kSticky;
  bool plain = false;
  bool keep = false;
};

base::Duration seconds_of(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

// What one of the clients does: its share of records and rate.
LoadOptions share_of(const BenchOptions& options, std::size_t index) {
  LoadOptions load;
  load.topic = base::TopicName(options.topic);
  load.records = options.seconds > 0 ? 0 : options.records / options.clients;
  if (index == 0 && load.records > 0) load.records += options.records % options.clients;
  load.duration = seconds_of(options.seconds);
  load.warmup = seconds_of(options.warmup);
  load.rate = options.rate / static_cast<double>(options.clients);
  load.record_bytes = options.size;
  load.partition_step = static_cast<std::int32_t>(options.clients);
  load.partition_first = static_cast<std::int32_t>(index);
  load.client = static_cast<std::uint32_t>(index);
  load.spread = options.spread;
  load.producer.acks = static_cast<std::int16_t>(options.acks);
  load.producer.idempotent = !options.plain;
  load.producer.compression = options.codec.compression();
  load.producer.batch_bytes = options.batch_bytes;
  load.producer.in_flight_max = options.in_flight;
  load.producer.buffer_bytes_max = options.buffer_bytes;
  load.producer.linger = seconds_of(options.linger_ms / 1000);
  return load;
}

rt::Task<LoadResult> run_client(rt::Loop& loop, client::ClusterOptions cluster_options,
                                LoadTask task, LoadOptions load, Progress& progress) {
  client::Cluster cluster(loop, std::move(cluster_options));
  LoadResult result = co_await task(cluster, std::move(load), progress);
  co_await cluster.close();
  co_return result;
}

rt::Task<> show_progress(rt::Loop& loop, Progress& progress) {
  std::uint64_t before = 0;
  while (!progress.done) {
    for (int i = 0; i < 10 && !progress.done; ++i) {
      co_await rt::sleep_for(loop, std::chrono::milliseconds(100));
    }
    const std::uint64_t now = progress.records;
    std::cerr << "\r" << human_count(now) << " records, " << human_count(now - before)
              << " in the last second\x1b[K" << std::flush;
    before = now;
  }
  std::cerr << "\r\x1b[K";
}

LoadResult merged(const std::vector<LoadResult>& results) {
  LoadResult all;
  for (const LoadResult& result : results) {
    all.latency.merge(result.latency);
    all.records += result.records;
    all.bytes += result.bytes;
    all.failed += result.failed;
    all.took = std::max(all.took, result.took);
    if (all.error.empty()) all.error = result.error;
  }
  return all;
}

boost::json::object latency_document(const Histogram& latency) {
  const auto ms = [](base::Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  return {{"mean", ms(latency.mean())},           {"p50", ms(latency.percentile(500))},
          {"p95", ms(latency.percentile(950))},   {"p99", ms(latency.percentile(990))},
          {"p99.9", ms(latency.percentile(999))}, {"max", ms(latency.max())}};
}

void report(const LoadResult& result, const BenchOptions& options, std::string_view load) {
  const double seconds = std::max(std::chrono::duration<double>(result.took).count(), 1e-9);
  const double rate = static_cast<double>(result.records) / seconds;
  const double bytes_rate = static_cast<double>(result.bytes) / seconds;
  const Histogram& latency = result.latency;
  if (options.client.json) {
    boost::json::object document{{"load", load},
                                 {"topic", options.topic},
                                 {"clients", options.clients},
                                 {"records", result.records},
                                 {"bytes", result.bytes},
                                 {"failed", result.failed},
                                 {"seconds", seconds},
                                 {"records_per_second", rate},
                                 {"bytes_per_second", bytes_rate}};
    if (latency.count() > 0) document["latency_ms"] = latency_document(latency);
    print_json(document);
    return;
  }
  std::vector<std::string> heads{"LOAD", ">RECORDS", ">SECONDS", ">RECORDS/S", ">BYTES/S"};
  std::vector<std::string> row{
      std::string(load), human_count(result.records), fmt::format("{:.2f}", seconds),
      human_count(static_cast<std::uint64_t>(rate)), human_bytes(bytes_rate) + "/s"};
  if (latency.count() > 0) {
    heads.insert(heads.end(), {">P50", ">P95", ">P99", ">P99.9", ">MAX"});
    for (const std::uint64_t per_mille : {500U, 950U, 990U, 999U, 1000U}) {
      row.push_back(human_duration(latency.percentile(per_mille)));
    }
  }
  Table table(heads);
  table.add(row);
  table.print();
  if (result.failed > 0) print_error(human_count(result.failed) + " records failed");
}

// The topic of the load; one that is there is taken as it is.
rt::Task<client::ClientResult<void>> prepare(client::Cluster& cluster,
                                             const BenchOptions& options) {
  client::Admin admin(cluster);
  std::vector<client::NewTopic> topics;
  topics.push_back({.name = base::TopicName(options.topic), .partitions = options.partitions});
  const auto outcomes = CO_TRY(co_await admin.create_topics(std::move(topics)));
  for (const auto& outcome : outcomes) {
    if (outcome.result || outcome.result.error().code == wire::ErrorCode::kTopicAlreadyExists) {
      continue;
    }
    co_return std::unexpected(outcome.result.error());
  }
  CO_TRY(co_await cluster.topic(base::TopicName(options.topic)));
  co_return {};
}

rt::Task<int> bench(io::Runtime& runtime, const BenchOptions& options,
                    const client::ClusterOptions& cluster_options, std::string_view name,
                    LoadTask task) {
  rt::Loop& loop = runtime.loop(0);
  client::Cluster cluster(loop, cluster_options);
  const bool reads_only = task == &consume_load;
  client::ClientResult<void> ready;
  if (!reads_only) ready = co_await prepare(cluster, options);
  if (!ready) {
    co_await cluster.close();
    co_return failed(ready.error());
  }
  Progress progress;
  rt::Scope scope(loop);
  if (is_terminal(STDERR_FILENO)) scope.spawn(show_progress(loop, progress));
  rt::CallAll<LoadResult> clients(loop);
  for (std::size_t i = 0; i < options.clients; ++i) {
    rt::Loop& to = runtime.loop(i % runtime.loops().size());
    clients.add(to, run_client(to, cluster_options, task, share_of(options, i), progress));
  }
  const std::vector<LoadResult> results = co_await clients;
  progress.done = true;
  co_await scope.join();
  const LoadResult result = merged(results);
  report(result, options, name);
  if (!reads_only && !options.keep) {
    client::Admin admin(cluster);
    std::vector<base::TopicName> names{base::TopicName(options.topic)};
    const auto removed = co_await admin.delete_topics(std::move(names));
    if (!removed) print_error(removed.error().message);
  }
  co_await cluster.close();
  if (!result.error.empty()) print_error(result.error);
  co_return result.error.empty() && result.failed == 0 ? kExitDone : kExitFailed;
}

int run_bench(const BenchOptions& options, std::string_view name, LoadTask task) {
  const auto cluster_options = options.client.cluster_options();
  if (!cluster_options) {
    print_error(cluster_options.error());
    return kExitUsage;
  }
  auto runtime = io::Runtime::create({.cores = options.cores,
                                      .disk = io::DiskBackend::kWorkers,
                                      .log_level = base::LogLevel::kWarn});
  if (!runtime) {
    print_error("cannot set up event loops: " + runtime.error().to_string());
    return kExitFailed;
  }
  return (*runtime)->run(bench(**runtime, options, *cluster_options, name, task));
}

void add_produce_options(CLI::App& command, BenchOptions& options) {
  options.codec.add_to(command);
  add_acks_option(command, options.acks);
  command
      .add_option("--partitions,-p", options.partitions, "Partitions of a topic that is created")
      ->capture_default_str();
  command.add_option("--size,-s", options.size, "Bytes of a record's value")->capture_default_str();
  const std::map<std::string, Spread> spreads{{"sticky", Spread::kSticky},
                                              {"round-robin", Spread::kRoundRobin}};
  command
      .add_option("--spread", options.spread,
                  "Partitions: 'sticky', one until its batch is full, as records without keys; "
                  "'round-robin', record by record, as keys spread them")
      ->transform(CLI::CheckedTransformer(spreads).description(""))
      ->type_name("sticky|round-robin");
  command.add_option("--rate", options.rate, "Records a second of all clients (0: no limit)")
      ->capture_default_str();
  command.add_option("--linger", options.linger_ms, "Milliseconds a batch waits")
      ->capture_default_str();
  command.add_option("--batch-bytes", options.batch_bytes, "Bytes of a batch")
      ->capture_default_str();
  command.add_option("--buffer-bytes", options.buffer_bytes, "Bytes that may wait in a client")
      ->capture_default_str();
  command.add_option("--in-flight", options.in_flight, "Requests on their way to a broker")
      ->capture_default_str();
  command.add_option("--warmup", options.warmup, "Seconds at the start that do not count");
  command.add_flag("--no-idempotence", options.plain, "Produce without producer id");
  command.add_flag("--keep", options.keep, "Leave the topic there");
}

CLI::App* add(CLI::App& bench_app, const char* name, const char* help, LoadTask task,
              Action& action, const std::shared_ptr<BenchOptions>& options) {
  CLI::App* command = bench_app.add_subcommand(name, help);
  options->client.add_to(*command);
  command->add_option("--topic,-t", options->topic, "Topic")->capture_default_str();
  command->add_option("--records,-n", options->records, "Records of all clients")
      ->capture_default_str();
  command->add_option("--seconds", options->seconds, "How long, instead of --records");
  command
      ->add_option("--clients,--producers", options->clients, "Clients, each with its connection")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--cores", options->cores, "Threads that the clients share")
      ->capture_default_str();
  command->footer(std::string("Example:\n  moldau bench ") + name + " --json");
  command->callback([options, task, name, &action] {
    action = [options, task, name] { return run_bench(*options, name, task); };
  });
  return command;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* bench_app = app.add_subcommand("bench", "Measure a cluster under load");
  bench_app->require_subcommand(1);
  bench_app->footer(
      "Examples:\n"
      "  moldau bench produce --records 5000000 --size 100 --partitions 16 --codec lz4 --keep\n"
      "  moldau bench consume\n"
      "  moldau bench latency --rate 20000 --seconds 30 --warmup 5 --linger 0 --json");
  auto produced = std::make_shared<BenchOptions>();
  add_produce_options(*add(*bench_app, "produce", "Produce; latency from sent to acknowledged",
                           &produce_load, action, produced),
                      *produced);
  auto consumed = std::make_shared<BenchOptions>();
  consumed->records = 0;
  add(*bench_app, "consume", "Read a topic to its end", &consume_load, action, consumed);
  auto timed = std::make_shared<BenchOptions>();
  timed->records = 0;
  timed->seconds = 10;
  timed->rate = 1000;
  timed->linger_ms = 0;
  add_produce_options(*add(*bench_app, "latency", "Produce and read; latency from due to read",
                           &end_to_end_load, action, timed),
                      *timed);
}

}  // namespace moldau::cmd
