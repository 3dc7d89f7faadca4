// The rows of the key table about listeners and connections. Facts from Kafka 4.4, texts our own.
#include "config/internal/rows.h"

namespace moldau::config::internal {
namespace {

constexpr Key kRows[] = {
    {"listeners", Type::kList, "PLAINTEXT://:9092", some_words(), Importance::kHigh,
     Update::kPerBroker, kHonoured,
     "What the node listens on, as NAME://host:port,...; an empty host means all addresses."},
    {"advertised.listeners", Type::kList, kNull, some_words(), Importance::kHigh, Update::kReadOnly,
     kHonoured, "The addresses that clients are told; those of listeners when it is not set."},
    {"listener.security.protocol.map", Type::kString,
     "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT", any(),
     Importance::kLow, Update::kPerBroker, kHonoured,
     "Which protocol a listener name stands for, as NAME:PROTOCOL,..."},
    {"inter.broker.listener.name", Type::kString, kNull, any(), Importance::kMedium,
     Update::kReadOnly, kNoFetchers, "The listener that brokers use among themselves."},
    {"security.inter.broker.protocol", Type::kString, "PLAINTEXT",
     one_of("PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL"), Importance::kMedium, Update::kReadOnly,
     kNoFetchers, "The protocol that brokers use among themselves, when no listener name is set."},
    {"socket.send.buffer.bytes", Type::kInt, "102400", any(), Importance::kHigh, Update::kReadOnly,
     kHonoured, "Send buffer of a connection; -1 leaves it to the system."},
    // Not Kafka's default, 102400, which ends a connection's window there: docs/decisions/0002.
    {"socket.receive.buffer.bytes", Type::kInt, "-1", any(), Importance::kHigh, Update::kReadOnly,
     kHonoured,
     "Receive buffer of a connection; -1 leaves it to the system, which lets it grow with the "
     "distance to the client and with what the client sends."},
    {"socket.request.max.bytes", Type::kInt, "104857600", at_least(1), Importance::kHigh,
     Update::kReadOnly, kHonoured, "Largest request; a larger one closes its connection."},
    {"socket.listen.backlog.size", Type::kInt, "50", at_least(1), Importance::kMedium,
     Update::kReadOnly, kHonoured, "How many connections may wait to be accepted."},
    {"max.connections.per.ip", Type::kInt, "2147483647", at_least(0), Importance::kMedium,
     Update::kClusterWide, kHonoured, "Most connections from one address."},
    {"max.connections.per.ip.overrides", Type::kString, "", any(), Importance::kMedium,
     Update::kClusterWide, kHonoured, "The same for some addresses, as address:count,..."},
    {"max.connections", Type::kInt, "2147483647", at_least(0), Importance::kMedium,
     Update::kClusterWide, kHonoured,
     "Most connections of the broker listeners at a time; more are closed."},
    {"max.connection.creation.rate", Type::kInt, "2147483647", at_least(0), Importance::kMedium,
     Update::kClusterWide, kHonoured, "Most new connections in a second."},
    {"connections.max.idle.ms", Type::kLong, "600000", any(), Importance::kMedium,
     Update::kReadOnly, kHonoured, "How long a connection may be silent before it is closed."},
    {"connection.failed.authentication.delay.ms", Type::kInt, "100", at_least(0), Importance::kLow,
     Update::kReadOnly, kNoSecurity,
     "Pause before a connection that failed to authenticate is closed."},
    {"queued.max.requests", Type::kInt, "500", at_least(1), Importance::kHigh, Update::kReadOnly,
     kNoQueue, "Most requests that wait to be served; then the node stops reading."},
    {"queued.max.request.bytes", Type::kLong, "-1", any(), Importance::kMedium, Update::kReadOnly,
     kHonoured, "Most bytes of requests that wait; -1 means no limit of its own."},
    {"num.network.threads", Type::kInt, "3", at_least(1), Importance::kHigh, Update::kClusterWide,
     kOwnThreads, "Threads that read and write connections."},
    {"num.io.threads", Type::kInt, "8", at_least(1), Importance::kHigh, Update::kClusterWide,
     kOwnThreads, "Threads that serve requests."},
    {"background.threads", Type::kInt, "10", at_least(1), Importance::kHigh, Update::kClusterWide,
     kOwnThreads, "Threads for background work."},
    {"controller.socket.timeout.ms", Type::kInt, "30000", any(), Importance::kMedium,
     Update::kReadOnly, kUnusedByKafka, "Timeout of the channel from a controller to brokers."},
    {"request.timeout.ms", Type::kInt, "30000", any(), Importance::kHigh, Update::kReadOnly,
     kHonoured, "How long this node waits for another one's answer."},
    {"socket.connection.setup.timeout.ms", Type::kLong, "10000", any(), Importance::kMedium,
     Update::kReadOnly, kHonoured,
     "How long a connection to another node may take to open, at first."},
    {"socket.connection.setup.timeout.max.ms", Type::kLong, "30000", any(), Importance::kMedium,
     Update::kReadOnly, kSteadySetup, "How long it may take after repeated failures."},
};

}  // namespace

std::span<const Key> network_rows() { return kRows; }

}  // namespace moldau::config::internal
