// moldau topic create|list|describe|delete.
#include <algorithm>
#include <iostream>
#include <memory>

#include "client/admin.h"
#include "cmd/moldau/client_options.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/output.h"

namespace moldau::cmd {
namespace {

namespace json = boost::json;

struct TopicOptions {
  ClientOptions client;
  std::vector<std::string> names;
  std::int32_t partitions = -1;
  std::int16_t replication_factor = -1;
  std::vector<std::string> configs;
  bool unless_there = false;
  bool only_check = false;
  bool internal = false;
  bool offsets = false;
};

std::vector<base::TopicName> topic_names(const TopicOptions& options) {
  return {options.names.begin(), options.names.end()};
}

std::string joined(const std::vector<base::BrokerId>& ids) {
  std::string text;
  for (const base::BrokerId id : ids) {
    text += (text.empty() ? "" : ",") + std::to_string(id.value());
  }
  return text;
}

json::array numbers(const std::vector<base::BrokerId>& ids) {
  json::array list;
  for (const base::BrokerId id : ids) list.emplace_back(id.value());
  return list;
}

// Reports what happened to each topic; `forgiven` is not a failure.
int report(const std::vector<client::TopicOutcome>& outcomes, const TopicOptions& options,
           std::string_view done, wire::ErrorCode forgiven) {
  json::array list;
  bool well = true;
  for (const client::TopicOutcome& outcome : outcomes) {
    const bool excused =
        !outcome.result && options.unless_there && outcome.result.error().code == forgiven;
    well = well && (outcome.result || excused);
    json::object entry{{"topic", outcome.name.value()}, {"ok", outcome.result || excused}};
    if (outcome.result && !outcome.result->is_zero()) entry["id"] = outcome.result->to_string();
    if (!outcome.result) entry["error"] = wire::to_string(outcome.result.error().code);
    list.push_back(std::move(entry));
    if (!outcome.result && !excused) {
      print_error(outcome.result.error().message);
    } else if (!options.client.json) {
      std::cout << (excused ? "unchanged" : done) << " topic " << outcome.name.value() << "\n";
    }
  }
  if (options.client.json) print_json(list);
  return well ? kExitDone : kExitFailed;
}

rt::Task<int> create(client::Cluster& cluster, const TopicOptions& options) {
  std::vector<client::NewTopic> topics;
  for (const std::string& name : options.names) {
    client::NewTopic topic{.name = base::TopicName(name),
                           .partitions = options.partitions,
                           .replication_factor = options.replication_factor};
    for (const std::string& pair : options.configs) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string::npos || equals == 0) {
        print_error("--config " + pair + ": write it as key=value");
        co_return kExitUsage;
      }
      topic.configs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    topics.push_back(std::move(topic));
  }
  client::Admin admin(cluster);
  const auto outcomes = co_await admin.create_topics(std::move(topics), options.only_check);
  if (!outcomes) co_return failed(outcomes.error());
  co_return report(*outcomes, options, options.only_check ? "would create" : "created",
                   wire::ErrorCode::kTopicAlreadyExists);
}

rt::Task<int> remove(client::Cluster& cluster, const TopicOptions& options) {
  client::Admin admin(cluster);
  const auto outcomes = co_await admin.delete_topics(topic_names(options));
  if (!outcomes) co_return failed(outcomes.error());
  co_return report(*outcomes, options, "deleted", wire::ErrorCode::kUnknownTopicOrPartition);
}

rt::Task<int> list(client::Cluster& cluster, const TopicOptions& options) {
  client::Admin admin(cluster);
  auto topics = co_await admin.list_topics();
  if (!topics) co_return failed(topics.error());
  if (!options.internal) std::erase_if(*topics, [](const auto& topic) { return topic.internal; });
  json::array documents;
  Table table({"TOPIC", ">PARTITIONS", ">REPLICAS", "ID"});
  for (const client::TopicInfo& topic : *topics) {
    const std::size_t replicas =
        topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size();
    table.add({topic.name.value(), std::to_string(topic.partitions.size()),
               std::to_string(replicas), topic.id.to_string()});
    documents.push_back(json::object{{"topic", topic.name.value()},
                                     {"id", topic.id.to_string()},
                                     {"partitions", topic.partitions.size()},
                                     {"replicas", replicas},
                                     {"internal", topic.internal}});
  }
  options.client.json ? print_json(documents) : table.print();
  co_return kExitDone;
}

struct Described {
  client::TopicInfo info;
  std::vector<client::OffsetRange> offsets;  // empty when not asked for
  client::Admin::TopicConfigs configs;
};

// Configs that are set on the topic itself.
constexpr std::int8_t kTopicSource = 1;

void print_described(const Described& topic) {
  std::cout << topic.info.name.value() << "  id " << topic.info.id.to_string() << "\n";
  for (const auto& config : topic.configs.configs) {
    if (config.config_source != kTopicSource) continue;
    std::cout << "  " << config.name << " = " << config.value.value_or("") << "\n";
  }
  std::vector<std::string> heads{">PARTITION", ">LEADER", ">EPOCH", "REPLICAS", "ISR"};
  if (!topic.offsets.empty()) heads.insert(heads.end(), {">EARLIEST", ">LATEST"});
  Table table(heads);
  for (std::size_t i = 0; i < topic.info.partitions.size(); ++i) {
    const client::PartitionInfo& partition = topic.info.partitions[i];
    std::vector<std::string> row{
        std::to_string(i),
        partition.leader == base::kNoBroker ? "none" : std::to_string(partition.leader.value()),
        std::to_string(partition.leader_epoch.value()), joined(partition.replicas),
        joined(partition.isr)};
    if (i < topic.offsets.size()) {
      row.push_back(std::to_string(topic.offsets[i].earliest.value()));
      row.push_back(std::to_string(topic.offsets[i].latest.value()));
    }
    table.add(std::move(row));
  }
  table.print();
}

json::object described_document(const Described& topic) {
  json::object configs;
  for (const auto& config : topic.configs.configs) {
    if (config.config_source == kTopicSource) configs[config.name] = config.value.value_or("");
  }
  json::array partitions;
  for (std::size_t i = 0; i < topic.info.partitions.size(); ++i) {
    const client::PartitionInfo& partition = topic.info.partitions[i];
    json::object entry{{"partition", i},
                       {"leader", partition.leader.value()},
                       {"leader_epoch", partition.leader_epoch.value()},
                       {"replicas", numbers(partition.replicas)},
                       {"isr", numbers(partition.isr)}};
    if (i < topic.offsets.size()) {
      entry["earliest"] = topic.offsets[i].earliest.value();
      entry["latest"] = topic.offsets[i].latest.value();
    }
    partitions.push_back(std::move(entry));
  }
  return {{"topic", topic.info.name.value()},
          {"id", topic.info.id.to_string()},
          {"configs", std::move(configs)},
          {"partitions", std::move(partitions)}};
}

rt::Task<client::ClientResult<Described>> describe_one(client::Admin& admin,
                                                       client::TopicDescription topic,
                                                       bool with_offsets) {
  Described described{.info = CO_TRY(std::move(topic.info))};
  described.configs =
      CO_TRY(co_await admin.describe_configs(client::ConfigResource::kTopic, topic.name.value()));
  if (with_offsets) described.offsets = CO_TRY(co_await admin.offsets(described.info));
  co_return described;
}

rt::Task<int> describe(client::Cluster& cluster, const TopicOptions& options) {
  client::Admin admin(cluster);
  auto topics = co_await admin.describe_topics(topic_names(options));
  if (!topics) co_return failed(topics.error());
  json::array documents;
  bool well = true;
  for (client::TopicDescription& topic : *topics) {
    const std::string name = topic.name.value();
    const auto described = co_await describe_one(admin, std::move(topic), options.offsets);
    if (!described) {
      well = false;
      print_error(described.error().message);
      documents.push_back(
          json::object{{"topic", name}, {"error", wire::to_string(described.error().code)}});
    } else if (options.client.json) {
      documents.push_back(described_document(*described));
    } else {
      print_described(*described);
    }
  }
  if (options.client.json) print_json(documents);
  co_return well ? kExitDone : kExitFailed;
}

using TopicTask = rt::Task<int> (*)(client::Cluster&, const TopicOptions&);

// One subcommand; its own options come after.
CLI::App* add(CLI::App& topic, const char* name, const char* help,
              const std::shared_ptr<TopicOptions>& options, TopicTask task, Action& action) {
  CLI::App* command = topic.add_subcommand(name, help);
  options->client.add_to(*command);
  command->callback([options, task, &action] {
    action = [options, task] { return with_cluster(*options, task); };
  });
  return command;
}

}  // namespace

void add_topic(CLI::App& app, Action& action) {
  CLI::App* topic = app.add_subcommand("topic", "Create, list, describe and delete topics");
  topic->require_subcommand(1);
  topic->footer(
      "Examples:\n"
      "  moldau topic create orders --partitions 12 --config retention.ms=86400000\n"
      "  moldau topic list --json\n"
      "  moldau topic describe orders --offsets\n"
      "  moldau topic delete orders");

  auto made = std::make_shared<TopicOptions>();
  CLI::App* command = add(*topic, "create", "Create topics", made, create, action);
  command->add_option("name", made->names, "Names of the topics")->required();
  command->add_option("--partitions,-p", made->partitions, "Partitions (default: the cluster's)")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--replication-factor,-r", made->replication_factor,
                   "Replicas of each partition (default: the cluster's)")
      ->check(CLI::PositiveNumber);
  command->add_option("--config,-c", made->configs, "Settings of the topics")
      ->type_name("KEY=VALUE");
  command->add_flag("--if-not-exists", made->unless_there, "A topic that is there is no error");
  command->add_flag("--validate-only", made->only_check, "Only say whether it would work");
  command->footer(
      "Example:\n  moldau topic create orders --partitions 12 --config retention.ms=-1");

  auto listed = std::make_shared<TopicOptions>();
  command = add(*topic, "list", "List topics", listed, list, action);
  command->add_flag("--internal", listed->internal, "Internal topics too");
  command->footer("Example:\n  moldau topic list --json");

  auto told = std::make_shared<TopicOptions>();
  command =
      add(*topic, "describe", "Show partitions, replicas and settings", told, describe, action);
  command->add_option("name", told->names, "Names of the topics")->required();
  command->add_flag("--offsets", told->offsets, "First and next offset of each partition");
  command->footer("Example:\n  moldau topic describe orders --offsets");

  auto gone = std::make_shared<TopicOptions>();
  command = add(*topic, "delete", "Delete topics and their records", gone, remove, action);
  command->add_option("name", gone->names, "Names of the topics")->required();
  command->add_flag("--if-exists", gone->unless_there, "A topic that is not there is no error");
  command->footer("Example:\n  moldau topic delete orders --if-exists");
}

}  // namespace moldau::cmd
