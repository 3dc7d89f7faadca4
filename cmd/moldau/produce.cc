// moldau produce: lines, or one file, as records of a topic.
#include <iostream>
#include <memory>
#include <unistd.h>

#include "client/producer.h"
#include "cmd/moldau/client_options.h"
#include "cmd/moldau/codec_option.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/line_input.h"
#include "cmd/moldau/output.h"
#include "rt/disk.h"
#include "rt/sleep.h"

namespace moldau::cmd {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 30;
constexpr auto kProgressInterval = std::chrono::seconds(1);

struct ProduceOptions {
  ClientOptions client;
  CodecOption codec;
  std::string topic;
  std::string input = "-";
  std::string whole_file;
  std::string key_separator;
  std::optional<std::string> key;
  std::vector<std::string> headers;
  std::optional<std::int32_t> partition;
  int acks = -1;
  bool plain = false;
  bool empty_is_null = false;
  bool quiet = false;
  double rate = 0;
  double linger_ms = 5;
  std::size_t batch_bytes = client::ProducerOptions{}.batch_bytes;
};

struct Sent {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
};

class ProduceCommand {
 public:
  ProduceCommand(client::Cluster& cluster, const ProduceOptions& options,
                 std::vector<record::NewHeader> headers)
      : loop_(&cluster.loop()),
        options_(&options),
        headers_(std::move(headers)),
        producer_(cluster, producer_options(options),
                  [this](const client::Delivery& delivery) { count(delivery); }),
        began_(loop_->now()) {}

  rt::Task<int> run() {
    auto sent = options_->whole_file.empty() ? co_await send_lines() : co_await send_file();
    const auto flushed = co_await producer_.flush();
    if (sent && !flushed) sent = std::unexpected(flushed.error());
    co_await producer_.close();
    report();
    co_return sent ? kExitDone : failed(sent.error());
  }

 private:
  static client::ProducerOptions producer_options(const ProduceOptions& options) {
    client::ProducerOptions chosen;
    chosen.acks = static_cast<std::int16_t>(options.acks);
    chosen.idempotent = !options.plain;
    chosen.compression = options.codec.compression();
    chosen.batch_bytes = options.batch_bytes;
    chosen.record_bytes_max = kFileBytesMax;
    chosen.linger = std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double, std::milli>(options.linger_ms));
    chosen.delivery_timeout = std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double>(options.client.timeout_seconds));
    if (!options.whole_file.empty()) chosen.buffer_bytes_max = kFileBytesMax;
    return chosen;
  }

  void count(const client::Delivery& delivery) {
    (delivery.base_offset ? sent_.delivered : sent_.failed) += delivery.tags.size();
  }

  rt::Task<client::ClientResult<void>> send(record::NewRecord record) {
    record.headers = headers_;
    if (options_->key) record.key = base::as_bytes(*options_->key);
    if (record.value && record.value->empty() && options_->empty_is_null) record.value.reset();
    std::optional<base::PartitionIndex> partition;
    if (options_->partition) partition = base::PartitionIndex(*options_->partition);
    ++sent_.records;
    sent_.bytes += record.value ? record.value->size() : 0;
    sent_.bytes += record.key ? record.key->size() : 0;
    const base::TopicName topic(options_->topic);
    if (producer_.try_send(topic, record, partition)) co_return {};
    co_return co_await producer_.send(topic, record, partition);
  }

  rt::Task<client::ClientResult<void>> send_line(std::string_view line) {
    record::NewRecord record{.value = base::as_bytes(line)};
    if (!options_->key_separator.empty()) {
      const std::size_t at = line.find(options_->key_separator);
      if (at != std::string_view::npos) {
        record.key = base::as_bytes(line.substr(0, at));
        record.value = base::as_bytes(line.substr(at + options_->key_separator.size()));
      }
    }
    co_return co_await send(record);
  }

  rt::Task<client::ClientResult<void>> send_lines() {
    auto input = LineInput::open(options_->input);
    if (!input) co_return client::fail(client::ClientErrorKind::kUsage, input.error());
    for (;;) {
      while (const auto line = input->next_line()) {
        co_await keep_rate();
        CO_TRY(co_await send_line(*line));
        progress();
      }
      const auto more = co_await input->read_more(*loop_);
      if (!more) co_return client::fail(client::ClientErrorKind::kUsage, more.error());
      if (!*more) co_return {};
    }
  }

  rt::Task<client::ClientResult<void>> send_file() {
    const auto content = co_await rt::read_file(loop_->disk(), options_->whole_file, kFileBytesMax);
    if (!content) {
      co_return client::fail(
          client::ClientErrorKind::kUsage,
          "cannot read " + options_->whole_file + ": " + content.error().to_string());
    }
    co_return co_await send({.value = content->span()});
  }

  // The n-th record leaves n / rate seconds after the start.
  rt::Task<> keep_rate() {
    if (options_->rate <= 0) co_return;
    const auto due = std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double>(static_cast<double>(sent_.records) / options_->rate));
    if (loop_->now() < began_ + due) co_await rt::sleep_until(*loop_, began_ + due);
  }

  void progress() {
    if (options_->quiet || !is_terminal(STDERR_FILENO)) return;
    if (loop_->now() - shown_ < kProgressInterval) return;
    shown_ = loop_->now();
    std::cerr << "\r" << human_count(sent_.delivered) << " of " << human_count(sent_.records)
              << " records delivered" << std::flush;
    progress_shown_ = true;
  }

  static std::string records(std::uint64_t count) {
    return human_count(count) + (count == 1 ? " record" : " records");
  }

  void report() const {
    if (progress_shown_) std::cerr << "\r\x1b[K";
    const base::Duration took = loop_->now() - began_;
    if (options_->client.json) {
      print_json(boost::json::object{{"topic", options_->topic},
                                     {"delivered", sent_.delivered},
                                     {"failed", sent_.failed},
                                     {"bytes", sent_.bytes},
                                     {"seconds", std::chrono::duration<double>(took).count()}});
      return;
    }
    if (options_->quiet || sent_.records == 0) return;
    std::cerr << records(sent_.delivered) << " (" << human_bytes(static_cast<double>(sent_.bytes))
              << ") delivered to " << options_->topic << " in " << human_duration(took) << "\n";
    if (sent_.failed > 0) std::cerr << records(sent_.failed) << " failed\n";
  }

  rt::Loop* loop_;
  const ProduceOptions* options_;
  std::vector<record::NewHeader> headers_;
  client::Producer producer_;
  base::Instant began_;
  base::Instant shown_{};
  bool progress_shown_ = false;
  Sent sent_;
};

rt::Task<int> produce(client::Cluster& cluster, const ProduceOptions& options) {
  std::vector<record::NewHeader> headers;
  for (const std::string& pair : options.headers) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      print_error("--header " + pair + ": write it as name=value");
      co_return kExitUsage;
    }
    const std::string_view text(pair);
    headers.push_back(
        {.key = text.substr(0, equals), .value = base::as_bytes(text.substr(equals + 1))});
  }
  ProduceCommand command(cluster, options, std::move(headers));
  co_return co_await command.run();
}

void add_record_options(CLI::App& command, ProduceOptions& options) {
  command.add_option("topic", options.topic, "Topic to write to")->required();
  command.add_option("input", options.input, "File whose lines are records (default: - for stdin)");
  command.add_option("--file,-f", options.whole_file, "Send this file as one record");
  command.add_option("--key-separator,-K", options.key_separator,
                     "What is before it in a line is the key");
  command.add_option("--key,-k", options.key, "The key of every record");
  command.add_option("--header,-H", options.headers, "A header of every record")
      ->type_name("NAME=VALUE");
  command
      .add_option("--partition,-p", options.partition, "Partition (default: by key, else in turns)")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--null", options.empty_is_null, "An empty value is null: a tombstone");
}

}  // namespace

void add_produce(CLI::App& app, Action& action) {
  auto options = std::make_shared<ProduceOptions>();
  CLI::App* command = app.add_subcommand("produce", "Write records to a topic");
  options->client.add_to(*command);
  add_record_options(*command, *options);
  options->codec.add_to(*command);
  add_acks_option(*command, options->acks);
  command->add_flag("--no-idempotence", options->plain,
                    "Without producer id: a retry may store a record twice");
  command->add_option("--rate", options->rate, "Records a second, at most");
  command->add_option("--linger", options->linger_ms, "Milliseconds a batch waits for more records")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--batch-bytes", options->batch_bytes, "Bytes of a batch, at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--quiet,-q", options->quiet, "No progress and no summary");
  command->footer(
      "Examples:\n"
      "  echo world | moldau produce hello\n"
      "  moldau produce orders orders.txt --key-separator : --codec zstd\n"
      "  moldau produce images --file photo.jpg --key photo --header type=jpeg");
  command->callback(
      [options, &action] { action = [options] { return with_cluster(*options, &produce); }; });
}

}  // namespace moldau::cmd
