// moldau: a Kafka node and the tools around it, in one binary.
#include <string_view>
#include <vector>

#include "cmd/moldau/command.h"

namespace {

// `moldau --config FILE` (or -c) is `moldau start --config FILE`, for harnesses that start Kafka
// that way.
std::vector<const char*> with_start(int argc, char** argv) {
  std::vector<const char*> arguments(argv, argv + argc);
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "-c" || first == "--config" || first.starts_with("--config=")) {
    arguments.insert(arguments.begin() + 1, "start");
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace moldau::cmd;
  CLI::App app("Moldau: Apache Kafka in C++, one binary");
  app.require_subcommand(1);
  app.footer(
      "Run `moldau COMMAND --help` for a command's options and examples.\n"
      "`moldau --config FILE` is short for `moldau start --config FILE`.\n\n"
      "First steps:\n"
      "  moldau start --data-dir data\n"
      "  moldau topic create hello --partitions 3\n"
      "  echo world | moldau produce hello\n"
      "  moldau consume hello --from beginning --exit");
  Action action;
  add_start(app, action);
  add_storage(app, action);
  add_topic(app, action);
  add_produce(app, action);
  add_consume(app, action);
  add_log(app, action);
  add_bench(app, action);
  add_sim(app, action);
  add_version(app, action);
  const std::vector<const char*> arguments = with_start(argc, argv);
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitDone : kExitUsage;
  }
  return action ? action() : kExitUsage;
}
