// What every command that talks to a cluster shares: where the cluster is, whether to answer in
// JSON, and a loop with a client::Cluster to run the command's task on.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "client/cluster.h"
#include "io/runtime.h"

namespace moldau::cmd {

struct ClientOptions {
  std::string bootstrap;
  bool json = false;
  double timeout_seconds = 30;

  // The default of --bootstrap is MOLDAU_BOOTSTRAP, else 127.0.0.1:9092.
  void add_to(CLI::App& command, bool with_json = true);
  [[nodiscard]] std::expected<client::ClusterOptions, std::string> cluster_options() const;
};

// Runs a command's task on a loop of its own and yields its exit code. What the task builds ends
// with it; the cluster is closed afterwards.
class ClientRun {
 public:
  virtual ~ClientRun() = default;
  virtual rt::Task<int> run(client::Cluster& cluster) = 0;
};
[[nodiscard]] int with_cluster(const ClientOptions& options, ClientRun& command);

template <class Options>
[[nodiscard]] int with_cluster(const Options& options,
                               rt::Task<int> (*task)(client::Cluster&, const Options&)) {
  struct Run : ClientRun {
    rt::Task<int> run(client::Cluster& cluster) override {
      co_return co_await task(cluster, *options);
    }
    const Options* options = nullptr;
    rt::Task<int> (*task)(client::Cluster&, const Options&) = nullptr;
  } command;
  command.options = &options;
  command.task = task;
  return with_cluster(options.client, command);
}

// Prints the failure, unless it only says that the user stopped us; yields the exit code.
int failed(const client::ClientError& error);

}  // namespace moldau::cmd
