#include "cmd/moldau/client_options.h"

#include <charconv>
#include <cstdlib>

#include "cmd/moldau/command.h"
#include "cmd/moldau/output.h"

namespace moldau::cmd {
namespace {

constexpr std::uint16_t kDefaultPort = 9092;
constexpr auto kPatience = std::chrono::seconds(5);

std::expected<rt::Endpoint, std::string> parse_endpoint(const std::string& text) {
  const auto wrong = [&] {
    return std::unexpected("--bootstrap " + text + ": write host:port, for example localhost:9092");
  };
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string::npos ? 0 : bracket);
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return wrong();
  if (colon == std::string::npos) return rt::Endpoint{.host = host, .port = kDefaultPort};
  const std::string digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || port == 0 || port > 65535) return wrong();
  return rt::Endpoint{.host = host, .port = static_cast<std::uint16_t>(port)};
}

rt::Task<int> run_with_cluster(rt::Loop& loop, const client::ClusterOptions& options,
                               ClientRun& command) {
  client::Cluster cluster(loop, options);
  const int code = co_await command.run(cluster);
  co_await cluster.close();
  co_return code;
}

}  // namespace

void ClientOptions::add_to(CLI::App& command, bool with_json) {
  const char* from_environment = std::getenv("MOLDAU_BOOTSTRAP");
  bootstrap = from_environment != nullptr ? from_environment : "127.0.0.1:9092";
  command
      .add_option("--bootstrap,-b", bootstrap,
                  "Brokers to ask first, host:port with commas between (or MOLDAU_BOOTSTRAP)")
      ->capture_default_str();
  command.add_option("--timeout", timeout_seconds, "Seconds until a request is given up")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  if (with_json) command.add_flag("--json", json, "Answer in JSON");
}

std::expected<client::ClusterOptions, std::string> ClientOptions::cluster_options() const {
  client::ClusterOptions options;
  for (const std::string& part : CLI::detail::split(bootstrap, ',')) {
    options.bootstrap.push_back(TRY(parse_endpoint(CLI::detail::trim_copy(part))));
  }
  const auto timeout =
      std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(timeout_seconds));
  options.channel.client_id = "moldau-cli";
  options.channel.request_timeout = timeout;
  options.channel.connect_timeout = std::min<base::Duration>(timeout, std::chrono::seconds(10));
  options.call_timeout = timeout;
  options.patience = std::min<base::Duration>(timeout, kPatience);
  return options;
}

int with_cluster(const ClientOptions& options, ClientRun& command) {
  const auto cluster_options = options.cluster_options();
  if (!cluster_options) {
    print_error(cluster_options.error());
    return kExitUsage;
  }
  auto runtime = io::Runtime::create(
      {.cores = 1, .disk = io::DiskBackend::kWorkers, .log_level = base::LogLevel::kWarn});
  if (!runtime) {
    print_error("cannot set up an event loop: " + runtime.error().to_string());
    return kExitFailed;
  }
  return (*runtime)->run(run_with_cluster((*runtime)->loop(0), *cluster_options, command));
}

int failed(const client::ClientError& error) {
  print_error(error.message);
  return error.kind == client::ClientErrorKind::kUsage ? kExitUsage : kExitFailed;
}

}  // namespace moldau::cmd
