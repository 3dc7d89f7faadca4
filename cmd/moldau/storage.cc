// moldau storage format|info|random-uuid, and moldau format: what kafka-storage does.
#include <iostream>
#include <memory>

#include "broker/format_node.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/node_options.h"
#include "io/runtime.h"
#include "storage/format.h"

namespace moldau::cmd {
namespace {

struct FormatOptions {
  NodeOptions node;
  broker::FormatRequest request;
};

// Runs a task that is made from a loop and the given arguments.
template <class Make, class... Arguments>
int run_on_loop(Make make, const Arguments&... arguments) {
  auto runtime = io::Runtime::create({.cores = 1, .disk = io::DiskBackend::kWorkers});
  if (!runtime) {
    std::cerr << "moldau: " << runtime.error().to_string() << "\n";
    return kExitFailed;
  }
  return (*runtime)->run(make((*runtime)->loop(0), arguments...));
}

rt::Task<int> format_task(rt::Loop& loop, const config::BrokerConfig& config,
                          broker::FormatRequest request) {
  const std::string cluster_id = request.cluster_id;
  const auto outcome = co_await broker::format_node(loop, config, std::move(request));
  if (!outcome) {
    std::cerr << "moldau: " << outcome.error() << "\n";
    co_return kExitFailed;
  }
  for (const std::string& directory : outcome->untouched) {
    std::cout << directory << " is formatted already and was left as it is.\n";
  }
  for (const std::string& directory : outcome->formatted) {
    std::cout << "Formatted " << directory << " for cluster " << cluster_id << ".\n";
  }
  co_return kExitDone;
}

int format(const FormatOptions& options) {
  const auto loaded = options.node.load();
  if (!loaded) return loaded.error();
  broker::FormatRequest request = options.request;
  // A lone combined node needs no flag: there is only one thing it can become.
  const config::BrokerConfig& config = loaded->config;
  if (config.quorum.voters.empty() && !request.no_initial_controllers && config.combined()) {
    request.standalone = true;
  }
  return run_on_loop(&format_task, config, request);
}

rt::Task<int> info_task(rt::Loop& loop, const config::BrokerConfig& config) {
  bool all = true;
  for (const std::string& directory : broker::data_directories(config)) {
    const auto meta = co_await storage::read_meta_properties(loop.disk(), directory);
    if (!meta) {
      std::cerr << "moldau: " << meta.error().message << "\n";
      co_return kExitFailed;
    }
    std::cout << directory << ":\n";
    if (!*meta) {
      std::cout << "  not formatted\n";
      all = false;
      continue;
    }
    std::cout << "  cluster.id    " << (*meta)->cluster_id.value_or("(none)") << "\n";
    if ((*meta)->node_id) std::cout << "  node.id       " << (*meta)->node_id->value() << "\n";
    if ((*meta)->directory_id) {
      std::cout << "  directory.id  " << (*meta)->directory_id->to_string() << "\n";
    }
    std::cout << "  version       " << (*meta)->version << "\n";
  }
  co_return all ? kExitDone : kExitFailed;
}

int info(const NodeOptions& options) {
  const auto loaded = options.load();
  if (!loaded) return loaded.error();
  return run_on_loop(&info_task, loaded->config);
}

rt::Task<int> uuid_task(rt::Loop& loop) {
  std::cout << broker::random_cluster_id(loop) << "\n";
  co_return kExitDone;
}

void add_format(CLI::App& parent, Action& action) {
  auto options = std::make_shared<FormatOptions>();
  CLI::App* command = parent.add_subcommand("format", "Prepare a node's data directories");
  options->node.add_to(*command);
  command
      ->add_option("--cluster-id,-t", options->request.cluster_id,
                   "The cluster's id (see storage random-uuid)")
      ->required();
  command->add_flag("--ignore-formatted,-g", options->request.ignore_formatted,
                    "Leave directories alone that are formatted");
  command->add_flag("--standalone,-s", options->request.standalone,
                    "This node is the first and only controller");
  command->add_flag("--no-initial-controllers,-N", options->request.no_initial_controllers,
                    "This node joins a quorum that exists");
  command->add_option("--release-version,-r", options->request.release_version,
                      "Feature levels of that Kafka release, for example 4.3");
  command->footer(
      "Example:\n"
      "  moldau storage format -t $(moldau storage random-uuid) -c server.properties --standalone");
  command->callback([options, &action] { action = [options] { return format(*options); }; });
}

}  // namespace

void add_storage(CLI::App& app, Action& action) {
  CLI::App* storage = app.add_subcommand("storage", "Prepare and look at data directories");
  storage->require_subcommand(1);
  add_format(*storage, action);
  add_format(app, action);

  auto options = std::make_shared<NodeOptions>();
  CLI::App* info_command = storage->add_subcommand("info", "Show what the directories say");
  options->add_to(*info_command);
  info_command->callback([options, &action] { action = [options] { return info(*options); }; });

  CLI::App* uuid = storage->add_subcommand("random-uuid", "Print a fresh cluster id");
  uuid->callback([&action] { action = [] { return run_on_loop(&uuid_task); }; });
}

}  // namespace moldau::cmd
