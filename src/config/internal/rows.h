// The parts of the key table, one file an area, and the reasons why a key has no effect. Each
// reason is a clause that follows "<key> has no effect: ". Only table.cc and the keys_*.cc include
// this.
#pragma once

#include <span>
#include <string_view>

#include "config/key.h"

namespace moldau::config::internal {

inline constexpr std::string_view kNoJava = "this node loads no Java classes";
inline constexpr std::string_view kOwnThreads = "the number of loops follows moldau.cores";
inline constexpr std::string_view kNoTransactions = "transactions are not served yet";
inline constexpr std::string_view kNoGroups = "consumer groups are not served yet";
inline constexpr std::string_view kNoShareGroups = "share groups are not served yet";
inline constexpr std::string_view kNoStreamsGroups = "streams groups are not served yet";
inline constexpr std::string_view kNoTiers = "tiered storage is not served yet";
inline constexpr std::string_view kNoSecurity = "TLS and SASL are not served yet";
inline constexpr std::string_view kNoKerberos = "Kerberos is not served";
inline constexpr std::string_view kNoAuthorizer = "every client may do everything, as yet";
inline constexpr std::string_view kNoTokens = "delegation tokens are not served yet";
inline constexpr std::string_view kNoQuotas = "quotas are not enforced yet";
inline constexpr std::string_view kNoCompaction = "logs are not compacted yet";
inline constexpr std::string_view kSystemBuffers =
    "the system sizes the buffers of such connections";
inline constexpr std::string_view kOwnMetrics = "metrics are read from /metrics, without samples";
inline constexpr std::string_view kNoPurgatory =
    "waiting requests are removed when they are answered";
inline constexpr std::string_view kOwnSync = "moldau.log.sync says when data is synced";
inline constexpr std::string_view kNoTelemetry = "metrics of clients are not collected yet";
inline constexpr std::string_view kNoAutoJoin = "voters are not added by themselves yet";
inline constexpr std::string_view kOwnBatching =
    "records that arrive during a sync go into the next one";
inline constexpr std::string_view kNoStartLimit = "a start is not limited in time";
inline constexpr std::string_view kFixed = "the value is fixed";
inline constexpr std::string_view kNoUnstable = "nothing that is under development is served";
inline constexpr std::string_view kNoEarlyStart = "controller listeners open first in any case";
inline constexpr std::string_view kNoSampling = "the controller's events are not sampled";
inline constexpr std::string_view kNoCordon = "data directories cannot be cordoned yet";
inline constexpr std::string_view kNoDirFailure = "a failed data directory stops the node";
inline constexpr std::string_view kNoMoves = "replicas do not move between data directories yet";
inline constexpr std::string_view kUnusedByKafka = "Kafka itself does not use it any more";

inline constexpr std::string_view kNoFetchers = "nothing is replicated between nodes yet";
inline constexpr std::string_view kNoQueue =
    "requests do not queue; a connection's next one is read when those before it are served";
inline constexpr std::string_view kSteadySetup = "the time does not grow with failures";
inline constexpr std::string_view kNoTaskDelay = "background tasks begin with the node";
inline constexpr std::string_view kWithRetention =
    "idle producers are looked for together with old segments";
inline constexpr std::string_view kNoPreallocation = "segments grow as they are written";

[[nodiscard]] std::span<const Key> node_rows();
[[nodiscard]] std::span<const Key> network_rows();
[[nodiscard]] std::span<const Key> log_rows();
[[nodiscard]] std::span<const Key> replication_rows();
[[nodiscard]] std::span<const Key> group_rows();
[[nodiscard]] std::span<const Key> transaction_rows();
[[nodiscard]] std::span<const Key> topic_rows();
[[nodiscard]] std::span<const Key> group_key_rows();
[[nodiscard]] std::span<const Key> metrics_rows();

}  // namespace moldau::config::internal
