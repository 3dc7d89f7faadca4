// moldau version.
#include <iostream>
#include <memory>

#include "cmd/moldau/command.h"
#include "cmd/moldau/output.h"

namespace moldau::cmd {
namespace {

constexpr std::string_view kProtocol = "4.4";
constexpr std::string_view kMetadataVersion = "4.3-IV0";

int print_version(bool json) {
  if (json) {
    print_json(boost::json::object{{"version", MOLDAU_VERSION},
                                   {"kafka_protocol", kProtocol},
                                   {"metadata_version_max", kMetadataVersion}});
  } else {
    std::cout << "moldau " MOLDAU_VERSION ", speaks the protocol of Apache Kafka " << kProtocol
              << ", metadata.version up to " << kMetadataVersion << "\n";
  }
  return kExitDone;
}

}  // namespace

void add_version(CLI::App& app, Action& action) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("version", "Print versions");
  command->add_flag("--json", *json, "Print one JSON document");
  command->footer("Example:\n  moldau version --json");
  command->callback([json, &action] { action = [json] { return print_version(*json); }; });
}

}  // namespace moldau::cmd
