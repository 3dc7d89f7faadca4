// moldau consume: records of a topic on standard output.
#include <charconv>
#include <cstdio>
#include <iostream>
#include <memory>
#include <unistd.h>

#include "client/consumer.h"
#include "cmd/moldau/client_options.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/output.h"
#include "cmd/moldau/record_format.h"

namespace moldau::cmd {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{64} << 10;
constexpr auto kPollTime = std::chrono::seconds(1);
// With --json a record is a line of JSON; these are for the other two.
constexpr std::string_view kPlainFormat = "%s\\n";
constexpr std::string_view kKeyFormat = "%k\\t%s\\n";

struct ConsumeOptions {
  ClientOptions client;
  std::string topic;
  std::vector<std::int32_t> partitions;
  std::string from = "end";
  std::string format;
  bool keys = false;
  bool headers = false;
  bool exit = false;
  std::optional<std::uint64_t> count;
};

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<client::StartAt> parse_start(const std::string& from) {
  using Kind = client::StartAt::Kind;
  if (from == "beginning" || from == "earliest") return client::StartAt{.kind = Kind::kEarliest};
  if (from == "end" || from == "latest") return client::StartAt{.kind = Kind::kLatest};
  if (from.starts_with('@')) {
    const auto at = parse_number(std::string_view(from).substr(1));
    if (!at || *at < 0) return std::nullopt;
    return client::StartAt{.kind = Kind::kTimestamp, .value = *at};
  }
  if (const auto number = parse_number(from)) {
    if (from.starts_with('-')) return client::StartAt{.kind = Kind::kBeforeEnd, .value = -*number};
    return client::StartAt{.kind = Kind::kOffset, .value = *number};
  }
  const auto time = parse_iso_time(from);
  if (!time) return std::nullopt;
  return client::StartAt{.kind = Kind::kTimestamp, .value = time->value()};
}

std::string default_format(const ConsumeOptions& options) {
  std::string format(options.keys ? kKeyFormat : kPlainFormat);
  if (options.headers) format.insert(0, "%h\\t");
  return format;
}

class ConsumeCommand {
 public:
  ConsumeCommand(client::Cluster& cluster, const ConsumeOptions& options, client::StartAt start,
                 RecordFormat format)
      : cluster_(&cluster),
        options_(&options),
        start_(start),
        format_(std::move(format)),
        consumer_(cluster, {}) {}

  rt::Task<int> run() {
    const auto read = co_await read_all();
    const bool written = write_out();
    // Ends the fetch that waits for more.
    co_await cluster_->close();
    co_await consumer_.close();
    if (!read) co_return failed(read.error());
    co_return written ? kExitDone : kExitFailed;
  }

 private:
  rt::Task<client::ClientResult<void>> read_all() {
    std::vector<base::PartitionIndex> partitions(options_->partitions.begin(),
                                                 options_->partitions.end());
    CO_TRY(
        co_await consumer_.assign(base::TopicName(options_->topic), std::move(partitions), start_));
    while (!finished()) {
      rt::Loop& loop = cluster_->loop();
      auto batch = CO_TRY(co_await consumer_.poll(loop.now()));
      if (!batch) {
        // Nothing is here: what was formatted goes out before the wait.
        if (!write_out()) break;
        batch = CO_TRY(co_await consumer_.poll(loop.now() + kPollTime));
      }
      if (batch) CO_TRY(format_batch(*batch));
      if (out_.size() >= kFlushBytes && !write_out()) break;
    }
    co_return {};
  }

  [[nodiscard]] bool finished() const {
    if (options_->count && given_ >= *options_->count) return true;
    return options_->exit && consumer_.reached_ends();
  }

  client::ClientResult<void> format_batch(client::ConsumedBatch& batch) {
    record::RecordView record;
    while (!options_->count || given_ < *options_->count) {
      if (!TRY(batch.next(record))) break;
      ++given_;
      if (options_->client.json) {
        out_ += record_as_json(batch.partition(), record);
        out_ += '\n';
      } else {
        format_.append(batch.partition(), record, out_);
      }
    }
    return {};
  }

  // False when nobody reads any more.
  bool write_out() {
    if (out_.empty()) return true;
    const bool whole = std::fwrite(out_.data(), 1, out_.size(), stdout) == out_.size();
    out_.clear();
    return std::fflush(stdout) == 0 && whole;
  }

  client::Cluster* cluster_;
  const ConsumeOptions* options_;
  client::StartAt start_;
  RecordFormat format_;
  client::Consumer consumer_;
  std::string out_;
  std::uint64_t given_ = 0;
};

rt::Task<int> consume(client::Cluster& cluster, const ConsumeOptions& options) {
  const auto start = parse_start(options.from);
  if (!start) {
    print_error("--from " + options.from +
                ": write beginning, end, an offset, -N for the last N records, @MILLISECONDS or "
                "a time like 2026-01-31T12:00:00Z");
    co_return kExitUsage;
  }
  auto format =
      RecordFormat::parse(options.format.empty() ? default_format(options) : options.format);
  if (!format) {
    print_error(format.error());
    co_return kExitUsage;
  }
  ConsumeCommand command(cluster, options, *start, std::move(*format));
  co_return co_await command.run();
}

}  // namespace

void add_consume(CLI::App& app, Action& action) {
  auto options = std::make_shared<ConsumeOptions>();
  CLI::App* command = app.add_subcommand("consume", "Print the records of a topic");
  options->client.add_to(*command);
  command->add_option("topic", options->topic, "Topic to read")->required();
  command->add_option("--partition,-p", options->partitions, "Only these partitions (default: all)")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--from,-f", options->from,
                   "beginning, end, an offset, -N (the last N of each partition), @MILLISECONDS or "
                   "an ISO time")
      ->capture_default_str();
  command->add_flag("--exit,-e", options->exit, "Stop at the end that the topic had at the start");
  command->add_option("--count,-n", options->count, "Stop after so many records");
  command->add_option("--format", options->format,
                      "Text of a record: %t topic, %p partition, %o offset, %T timestamp, %k key, "
                      "%s value, %K and %S their sizes, %h headers");
  command->add_flag("--keys", options->keys, "Print the key, a tab and the value");
  command->add_flag("--headers", options->headers, "Print the headers before that");
  command->footer(
      "Examples:\n"
      "  moldau consume hello --from beginning --exit\n"
      "  moldau consume orders --from -10 --exit --json\n"
      "  moldau consume orders -p 0 --from 2026-01-31T12:00:00Z --format '%o %k: %s\\n'");
  command->callback(
      [options, &action] { action = [options] { return with_cluster(*options, &consume); }; });
}

}  // namespace moldau::cmd
