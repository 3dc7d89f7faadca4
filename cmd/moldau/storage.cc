// moldau storage format|info|random-uuid, and moldau format: what kafka-storage does.
#include <iostream>
#include <memory>

#include "broker/format_node.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/node_options.h"
#include "cmd/moldau/output.h"
#include "io/runtime.h"
#include "storage/format.h"

namespace moldau::cmd {
namespace {

namespace json = boost::json;

struct FormatOptions {
  NodeOptions node;
  broker::FormatRequest request;
  bool json = false;
};

struct InfoOptions {
  NodeOptions node;
  bool json = false;
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

json::array names(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

rt::Task<int> format_task(rt::Loop& loop, const config::BrokerConfig& config,
                          const FormatOptions& options) {
  const auto outcome = co_await broker::format_node(loop, config, options.request);
  if (!outcome) {
    print_error(outcome.error());
    co_return kExitFailed;
  }
  if (options.json) {
    print_json(json::object{{"cluster_id", outcome->cluster_id},
                            {"formatted", names(outcome->formatted)},
                            {"untouched", names(outcome->untouched)}});
    co_return kExitDone;
  }
  for (const std::string& directory : outcome->untouched) {
    std::cout << directory << " is formatted already and was left as it is.\n";
  }
  for (const std::string& directory : outcome->formatted) {
    std::cout << "Formatted " << directory << " for cluster " << outcome->cluster_id << ".\n";
  }
  co_return kExitDone;
}

int format(FormatOptions options) {
  const auto loaded = options.node.load();
  if (!loaded) return loaded.error();
  // A lone combined node needs no flag: there is only one thing it can become.
  const config::BrokerConfig& config = loaded->config;
  if (config.quorum.voters.empty() && !options.request.no_initial_controllers &&
      config.combined()) {
    options.request.standalone = true;
  }
  return run_on_loop(&format_task, config, options);
}

// What meta.properties says of one directory, by key.
json::object describe(const std::string& directory,
                      const std::optional<storage::MetaProperties>& meta) {
  json::object entry{{"directory", directory}, {"formatted", meta.has_value()}};
  if (!meta) return entry;
  if (meta->cluster_id) entry["cluster_id"] = *meta->cluster_id;
  if (meta->node_id) entry["node_id"] = meta->node_id->value();
  if (meta->directory_id) entry["directory_id"] = meta->directory_id->to_string();
  entry["version"] = meta->version;
  return entry;
}

std::vector<std::string> info_row(const std::string& directory,
                                  const std::optional<storage::MetaProperties>& meta) {
  if (!meta) return {directory, "(not formatted)", "", "", ""};
  return {directory, meta->cluster_id.value_or("(none)"),
          meta->node_id ? std::to_string(meta->node_id->value()) : "(none)",
          meta->directory_id ? meta->directory_id->to_string() : "(none)",
          std::to_string(meta->version)};
}

rt::Task<int> info_task(rt::Loop& loop, const config::BrokerConfig& config,
                        const InfoOptions& options) {
  bool all = true;
  json::array document;
  Table table({"DIRECTORY", "CLUSTER.ID", ">NODE.ID", "DIRECTORY.ID", ">VERSION"});
  for (const std::string& directory : broker::data_directories(config)) {
    const auto meta = co_await storage::read_meta_properties(loop.disk(), directory);
    if (!meta) {
      print_error(meta.error().message);
      co_return kExitFailed;
    }
    all = all && meta->has_value();
    document.push_back(describe(directory, *meta));
    table.add(info_row(directory, *meta));
  }
  if (options.json) {
    print_json(document);
  } else {
    table.print();
  }
  co_return all ? kExitDone : kExitFailed;
}

int info(const InfoOptions& options) {
  const auto loaded = options.node.load();
  if (!loaded) return loaded.error();
  return run_on_loop(&info_task, loaded->config, options);
}

rt::Task<int> uuid_task(rt::Loop& loop, bool as_json) {
  const std::string id = broker::random_cluster_id(loop);
  if (as_json) {
    print_json(json::object{{"uuid", id}});
  } else {
    std::cout << id << "\n";
  }
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
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "Example:\n"
      "  moldau storage format -t $(moldau storage random-uuid) -c server.properties --standalone");
  command->callback([options, &action] { action = [options] { return format(*options); }; });
}

}  // namespace

void add_storage(CLI::App& app, Action& action) {
  CLI::App* storage = app.add_subcommand("storage", "Prepare and look at data directories");
  storage->require_subcommand(1);
  storage->footer(
      "Examples:\n"
      "  moldau storage format -t $(moldau storage random-uuid) -c server.properties\n"
      "  moldau storage info -c server.properties --json");
  add_format(*storage, action);
  add_format(app, action);

  auto options = std::make_shared<InfoOptions>();
  CLI::App* info_command =
      storage->add_subcommand("info", "Show whose the directories are (meta.properties)");
  options->node.add_to(*info_command);
  info_command->add_flag("--json", options->json, "One JSON document");
  info_command->footer(
      "Exits with 1 when a directory is not formatted.\n\n"
      "Example:\n  moldau storage info --data-dir /var/lib/moldau");
  info_command->callback([options, &action] { action = [options] { return info(*options); }; });

  CLI::App* uuid = storage->add_subcommand("random-uuid", "Print a fresh cluster id");
  auto uuid_json = std::make_shared<bool>(false);
  uuid->add_flag("--json", *uuid_json, "One JSON document");
  uuid->footer("Example:\n  moldau storage random-uuid");
  uuid->callback([uuid_json, &action] {
    action = [uuid_json] { return run_on_loop(&uuid_task, *uuid_json); };
  });
}

}  // namespace moldau::cmd
