// moldau start: runs a node until it is told to stop.
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "broker/broker.h"
#include "broker/format_node.h"
#include "broker/node_admin.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/node_options.h"
#include "console/console.h"
#include "io/runtime.h"

namespace moldau::cmd {
namespace {

const std::map<std::string, io::DiskBackend> kDisks{{"auto", io::DiskBackend::kAuto},
                                                    {"uring", io::DiskBackend::kUring},
                                                    {"workers", io::DiskBackend::kWorkers}};
const std::map<std::string, io::LogFormat> kFormats{{"text", io::LogFormat::kText},
                                                    {"json", io::LogFormat::kJson}};
const std::map<std::string, base::LogLevel> kLevels{{"trace", base::LogLevel::kTrace},
                                                    {"debug", base::LogLevel::kDebug},
                                                    {"info", base::LogLevel::kInfo},
                                                    {"warn", base::LogLevel::kWarn},
                                                    {"error", base::LogLevel::kError}};

template <class T>
std::vector<std::string> names_of(const std::map<std::string, T>& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) names.push_back(name);
  return names;
}

struct StartOptions {
  NodeOptions node;
  std::size_t cores = 0;
  std::string disk = "auto";
  std::string log_format = "text";
  std::string log_level = "info";
};

rt::Task<bool> format_first_time(rt::Loop& loop, const config::BrokerConfig& config) {
  const auto formatted = co_await broker::format_first_start(loop, config);
  if (!formatted) {
    LOG_ERROR(loop.log(), "server", "{}", formatted.error());
    co_return false;
  }
  for (const std::string& directory : formatted->formatted) {
    LOG_INFO(loop.log(), "server", "formatted the empty data directory {} for the new cluster {}",
             directory, formatted->cluster_id);
  }
  co_return true;
}

// Ends with the first of: a signal, a failure that the node cannot go on with.
rt::Task<> wait_for_failure(broker::Broker& node, rt::StopToken token, rt::Event& end,
                            bool& failed) {
  const std::string why = co_await node.failure(token);
  if (why.empty()) co_return;
  LOG_ERROR(node.loop0().log(), "server", "stopping: {}", why);
  failed = true;
  end.set();
}

// A signal ends a start that is under way as well as a node that serves.
rt::Task<> wait_for_signal(io::Runtime& runtime, broker::Broker& node, rt::StopToken token,
                           rt::Event& end) {
  co_await runtime.wait_for_signal(token);
  node.abort_start();
  end.set();
}

// False when something went wrong.
rt::Task<bool> serve(broker::Broker& node, rt::Loop& loop, rt::Event& end, rt::Scope& scope) {
  bool failed = false;
  const auto started = co_await node.start();
  if (!started && end.is_set()) {
    LOG_INFO(loop.log(), "server", "stopped while starting");
    co_return true;
  }
  if (!started) {
    LOG_ERROR(loop.log(), "server", "cannot start: {}", started.error());
    co_return false;
  }
  scope.spawn(wait_for_failure(node, scope.token(), end, failed));
  co_await end.wait();
  LOG_INFO(loop.log(), "server", "shutting down");
  co_await scope.stop_and_join();
  co_return !failed;
}

// The console is there first: it tells what a long start is at, and a port that is taken is told
// before there are clients. It is gone before the node's parts are.
rt::Task<bool> serve_with_console(broker::Broker& node, rt::Loop& loop, rt::Event& end,
                                  rt::Scope& scope) {
  broker::NodeAdmin admin(node);
  std::optional<console::Console> console;
  if (const auto& http = node.config().network.http) {
    console.emplace(admin, loop, rt::Endpoint{.host = http->host, .port = http->port});
    const auto listening = co_await console->start();
    if (!listening) {
      LOG_ERROR(loop.log(), "server", "{}", listening.error());
      co_return false;
    }
  }
  const bool well = co_await serve(node, loop, end, scope);
  if (console) co_await console->stop();
  co_return well;
}

rt::Task<int> run_node(io::Runtime& runtime, const config::LoadedConfig& loaded) {
  rt::Loop& loop = runtime.loop(0);
  for (const config::Problem& problem : loaded.problems) {
    LOG_WARN(loop.log(), "config", "{}", problem.message);
  }
  if (!co_await format_first_time(loop, loaded.config)) co_return kExitFailed;
  broker::Broker node(runtime.loops(), loaded.config);
  rt::Event end(loop);
  rt::Scope scope(loop);
  scope.spawn(wait_for_signal(runtime, node, scope.token(), end));
  const bool well = co_await serve_with_console(node, loop, end, scope);
  co_await scope.stop_and_join();
  co_await node.stop();
  LOG_INFO(loop.log(), "server", "stopped");
  co_return well ? kExitDone : kExitFailed;
}

int start(const StartOptions& options) {
  const auto loaded = options.node.load();
  if (!loaded) return loaded.error();
  io::RuntimeOptions runtime_options;
  runtime_options.cores =
      options.cores != 0 ? options.cores : static_cast<std::size_t>(loaded->config.cores);
  runtime_options.disk = kDisks.at(options.disk);
  runtime_options.log_format = kFormats.at(options.log_format);
  runtime_options.log_level = kLevels.at(options.log_level);
  runtime_options.send_buffer_bytes = loaded->config.network.send_buffer_bytes;
  runtime_options.receive_buffer_bytes = loaded->config.network.receive_buffer_bytes;
  runtime_options.listen_backlog = loaded->config.network.listen_backlog;
  runtime_options.handle_signals = true;
  auto runtime = io::Runtime::create(runtime_options);
  if (!runtime) {
    std::cerr << "moldau: cannot set up event loops: " << runtime.error().to_string()
              << "; try --disk workers\n";
    return kExitFailed;
  }
  return (*runtime)->run(run_node(**runtime, *loaded));
}

}  // namespace

void add_start(CLI::App& app, Action& action) {
  auto options = std::make_shared<StartOptions>();
  CLI::App* command = app.add_subcommand("start", "Run a node until SIGTERM");
  options->node.add_to(*command);
  command->add_option("--cores", options->cores,
                      "Event loops (default: the cores this process may use)");
  command->add_option("--disk", options->disk, "How files are written: auto, uring or workers")
      ->check(CLI::IsMember(names_of(kDisks)));
  command->add_option("--log-format", options->log_format, "text or json")
      ->check(CLI::IsMember(names_of(kFormats)));
  command->add_option("--log-level", options->log_level, "trace, debug, info, warn or error")
      ->check(CLI::IsMember(names_of(kLevels)));
  command->footer(
      "An empty data directory is formatted first, for a new cluster of this one node.\n\n"
      "Examples:\n"
      "  moldau start --data-dir /var/lib/moldau\n"
      "  moldau start --config server.properties --override log.retention.hours=24");
  command->callback([options, &action] { action = [options] { return start(*options); }; });
}

}  // namespace moldau::cmd
