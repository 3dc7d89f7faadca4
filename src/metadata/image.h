// Image is the state of the cluster at one offset of the metadata log: brokers, controllers,
// topics, partitions, configs, features, producer ids, quotas, ACLs, SCRAM credentials, delegation
// tokens. It is a value made of persistent maps: a copy is O(1), a change by one record O(log n),
// and readers on other loops keep the image they hold (the broker publishes shared_ptr<const
// Image>). Iteration is in key order. Records that we do not act on are kept too, so that a
// snapshot loses nothing. Changed only through Delta. Lookups do not allocate. Source:
// MetadataImage.java and its parts (4.4).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/uuid.h"
#include "metadata/metadata_version.h"
#include "metadata/persistent_map.h"
#include "metadata/shared.h"
#include "metadata/small_list.h"
#include "wire/access_control_entry_record.h"
#include "wire/delegation_token_record.h"
#include "wire/user_scram_credential_record.h"

namespace moldau::metadata {

struct Endpoint {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

using Features = std::map<std::string, FeatureRange, std::less<>>;

struct BrokerRegistration {
  base::BrokerId id{-1};
  base::BrokerEpoch epoch{-1};
  base::Uuid incarnation_id;
  std::vector<Endpoint> endpoints;  // ordered as registered
  Features features;
  std::optional<std::string> rack;
  bool fenced = true;
  bool in_controlled_shutdown = false;
  bool is_migrating_zk_broker = false;
  std::vector<base::DirectoryId> log_dirs;
  std::optional<std::vector<base::DirectoryId>> cordoned_log_dirs;

  // May lead and be put into an ISR.
  [[nodiscard]] bool active() const { return !fenced && !in_controlled_shutdown; }
  // Whether a replica in this directory can be served. Reserved ids say that nobody knows better.
  [[nodiscard]] bool has_online_dir(const base::DirectoryId& directory) const;
  // Whether a new replica may be placed here.
  [[nodiscard]] bool has_uncordoned_dirs() const;
  [[nodiscard]] const Endpoint* endpoint(std::string_view listener) const [[clang::lifetimebound]];

  friend bool operator==(const BrokerRegistration&, const BrokerRegistration&) = default;
};

struct ControllerRegistration {
  base::BrokerId id{-1};
  base::Uuid incarnation_id;
  bool zk_migration_ready = false;
  std::vector<Endpoint> endpoints;
  Features features;

  friend bool operator==(const ControllerRegistration&, const ControllerRegistration&) = default;
};

// The numbers are those of the records (frozen).
enum class LeaderRecoveryState : std::int8_t { kRecovered = 0, kRecovering = 1 };

inline constexpr base::BrokerId kNoLeader{-1};
inline constexpr base::BrokerId kNoLeaderChange{-2};  // in PartitionChangeRecord

struct Partition {
  Replicas replicas;  // the first one is preferred
  Replicas isr;
  Replicas adding_replicas;
  Replicas removing_replicas;
  Replicas eligible_leader_replicas;
  Replicas last_known_elr;
  Directories directories;  // one for each replica, in their order
  base::BrokerId leader = kNoLeader;
  base::LeaderEpoch leader_epoch{0};
  base::PartitionEpoch partition_epoch{0};
  LeaderRecoveryState leader_recovery_state = LeaderRecoveryState::kRecovered;

  [[nodiscard]] bool has_leader() const { return leader != kNoLeader; }
  [[nodiscard]] base::BrokerId preferred_replica() const {
    return replicas.empty() ? kNoLeader : replicas[0];
  }
  [[nodiscard]] bool has_preferred_leader() const { return leader == preferred_replica(); }
  [[nodiscard]] bool reassigning() const {
    return !adding_replicas.empty() || !removing_replicas.empty();
  }
  // The directory of a replica; kDirectoryUnassigned when it has none.
  [[nodiscard]] base::DirectoryId directory_of(base::BrokerId replica) const;

  friend bool operator==(const Partition&, const Partition&) = default;
};

struct Topic {
  base::TopicId id;
  base::TopicName name;
  PersistentMap<base::PartitionIndex, Partition> partitions;

  friend bool operator==(const Topic&, const Topic&) = default;
};

// The numbers are those of ConfigRecord (frozen).
enum class ResourceType : std::int8_t {
  kUnknown = 0,
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

struct ConfigResource {
  ResourceType type = ResourceType::kUnknown;
  std::string name;

  friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
  friend bool operator==(const ConfigResource&, const ConfigResource&) = default;
};

using ConfigValues = std::map<std::string, std::string, std::less<>>;

// Entity type ("user", "client-id", "ip") to name; nothing is the default entity.
using QuotaEntity = std::map<std::string, std::optional<std::string>>;
using Quotas = std::map<std::string, double, std::less<>>;

struct ScramKey {
  std::int8_t mechanism = 0;
  std::string user;

  friend auto operator<=>(const ScramKey&, const ScramKey&) = default;
  friend bool operator==(const ScramKey&, const ScramKey&) = default;
};

struct ProducerIds {
  // The first id that no broker has leased; -1 before the first lease.
  base::ProducerId next{-1};

  friend bool operator==(const ProducerIds&, const ProducerIds&) = default;
};

class Image {
 public:
  using Brokers = PersistentMap<base::BrokerId, BrokerRegistration>;
  using Controllers = PersistentMap<base::BrokerId, ControllerRegistration>;
  // Topics are shared: a map node holds a pointer.
  using Topics = PersistentMap<base::TopicId, Shared<Topic>>;
  using Configs = PersistentMap<ConfigResource, Shared<ConfigValues>>;

  // Nothing until a FeatureLevelRecord for metadata.version was applied.
  [[nodiscard]] std::optional<MetadataVersion> metadata_version() const {
    return metadata_version_;
  }
  // Finalized levels other than metadata.version; a level of 0 is not kept.
  [[nodiscard]] const std::map<std::string, std::int16_t, std::less<>>& features() const
      [[clang::lifetimebound]] {
    return features_;
  }
  [[nodiscard]] std::int16_t feature_level(std::string_view feature) const;
  [[nodiscard]] bool elr_enabled() const { return feature_level(kElrFeature) >= 1; }

  [[nodiscard]] const Brokers& brokers() const [[clang::lifetimebound]] { return brokers_; }
  [[nodiscard]] const BrokerRegistration* broker(base::BrokerId id) const [[clang::lifetimebound]] {
    return brokers_.find(id);
  }
  [[nodiscard]] const Controllers& controllers() const [[clang::lifetimebound]] {
    return controllers_;
  }

  [[nodiscard]] const Topics& topics() const [[clang::lifetimebound]] { return topics_; }
  [[nodiscard]] const Topic* topic(const base::TopicId& id) const [[clang::lifetimebound]];
  [[nodiscard]] const Topic* topic(std::string_view name) const [[clang::lifetimebound]];
  // A copy that outlives this image; empty when there is no such topic.
  [[nodiscard]] Shared<Topic> shared_topic(const base::TopicId& id) const;
  [[nodiscard]] const Partition* partition(const base::TopicIdPartition& id) const
      [[clang::lifetimebound]];
  // Names in order, with the topics' ids.
  [[nodiscard]] const PersistentMap<std::string, base::TopicId>& topic_names() const
      [[clang::lifetimebound]] {
    return topic_names_;
  }
  [[nodiscard]] std::size_t partition_count() const { return partition_count_; }

  [[nodiscard]] const Configs& configs() const [[clang::lifetimebound]] { return configs_; }
  // Empty when the resource has none.
  [[nodiscard]] const ConfigValues& configs(ResourceType type, std::string_view name) const
      [[clang::lifetimebound]];

  [[nodiscard]] const ProducerIds& producer_ids() const [[clang::lifetimebound]] {
    return producer_ids_;
  }
  [[nodiscard]] const PersistentMap<QuotaEntity, Quotas>& quotas() const [[clang::lifetimebound]] {
    return quotas_;
  }
  [[nodiscard]] const PersistentMap<base::Uuid, wire::AccessControlEntryRecord>& acls() const
      [[clang::lifetimebound]] {
    return acls_;
  }
  [[nodiscard]] const PersistentMap<ScramKey, wire::UserScramCredentialRecord>& scram() const
      [[clang::lifetimebound]] {
    return scram_;
  }
  [[nodiscard]] const PersistentMap<std::string, wire::DelegationTokenRecord>& tokens() const
      [[clang::lifetimebound]] {
    return tokens_;
  }

  // Nothing was ever applied.
  [[nodiscard]] bool empty() const;

  friend bool operator==(const Image& a, const Image& b);

 private:
  friend class Delta;

  std::optional<MetadataVersion> metadata_version_;
  std::map<std::string, std::int16_t, std::less<>> features_;
  Brokers brokers_;
  Controllers controllers_;
  Topics topics_;
  PersistentMap<std::string, base::TopicId> topic_names_;
  std::size_t partition_count_ = 0;
  Configs configs_;
  ProducerIds producer_ids_;
  PersistentMap<QuotaEntity, Quotas> quotas_;
  PersistentMap<base::Uuid, wire::AccessControlEntryRecord> acls_;
  PersistentMap<ScramKey, wire::UserScramCredentialRecord> scram_;
  PersistentMap<std::string, wire::DelegationTokenRecord> tokens_;
};

}  // namespace moldau::metadata
