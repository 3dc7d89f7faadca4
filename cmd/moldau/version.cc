// moldau version.
#include <iostream>

#include "cmd/moldau/command.h"

namespace moldau::cmd {

void add_version(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("version", "Print versions");
  command->callback([&action] {
    action = [] {
      std::cout << "moldau " MOLDAU_VERSION
                   ", speaks the protocol of Apache Kafka 4.4, "
                   "metadata.version up to 4.3-IV0\n";
      return kExitDone;
    };
  });
}

}  // namespace moldau::cmd
