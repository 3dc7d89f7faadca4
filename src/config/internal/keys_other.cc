// The rows of the key table about groups and client metrics. Facts from Kafka 4.4, texts our own.
#include "config/internal/rows.h"

namespace moldau::config::internal {
namespace {

constexpr Key kRows[] = {
    {"consumer.session.timeout.ms", Type::kInt, "45000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoGroups, "Session of a member."},
    {"consumer.heartbeat.interval.ms", Type::kInt, "5000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoGroups, "Heartbeat interval of a member."},
    {"consumer.assignment.interval.ms", Type::kInt, "1000", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoGroups, "Shortest time between two assignments."},
    {"consumer.assignor.offload.enable", Type::kBoolean, "true", any(), Importance::kMedium,
     Update::kClusterWide, kNoGroups, "Whether assignments are computed in the background.", true},
    {"share.session.timeout.ms", Type::kInt, "45000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups, "Session of a member."},
    {"share.heartbeat.interval.ms", Type::kInt, "5000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups, "Heartbeat interval of a member."},
    {"share.record.lock.duration.ms", Type::kInt, "30000", at_least(1000), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups, "How long a consumer may hold a record."},
    {"share.delivery.count.limit", Type::kInt, "5", at_least(2), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups,
     "How often a record is delivered before it is given up."},
    {"share.partition.max.record.locks", Type::kInt, "2000", at_least(100), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups, "Most records of a partition that are held at a time."},
    {"share.auto.offset.reset", Type::kString, "latest", auto_offset_reset(), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups,
     "Where a new share group begins: earliest, latest or by_duration:<ISO 8601 duration>."},
    {"share.isolation.level", Type::kString, "read_uncommitted",
     one_of("read_committed,read_uncommitted"), Importance::kMedium, Update::kClusterWide,
     kNoShareGroups, "Whether records of open and aborted transactions are delivered."},
    {"share.renew.acknowledge.enable", Type::kBoolean, "true", any(), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups,
     "Whether a consumer may ask for more time with a record."},
    {"share.assignment.interval.ms", Type::kInt, "1000", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups, "Shortest time between two assignments."},
    {"share.assignor.offload.enable", Type::kBoolean, "true", any(), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups, "Whether assignments are computed in the background.",
     true},
    {"streams.session.timeout.ms", Type::kInt, "45000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Session of a member."},
    {"streams.heartbeat.interval.ms", Type::kInt, "5000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Heartbeat interval of a member."},
    {"streams.num.standby.replicas", Type::kInt, "0", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Standby copies of a task."},
    {"streams.initial.rebalance.delay.ms", Type::kInt, "3000", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "How long a new group waits for more members."},
    {"streams.assignment.interval.ms", Type::kInt, "1000", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Shortest time between two assignments."},
    {"streams.assignor.offload.enable", Type::kBoolean, "true", any(), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Whether assignments are computed in the background.",
     true},
    {"streams.task.offset.interval.ms", Type::kInt, "60000", at_least(1), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "How often members report the offsets of their tasks.",
     true},
    {"streams.num.warmup.replicas", Type::kInt, "2", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Copies that warm up at a time.", true},
    {"streams.rack.aware.assignment.tags", Type::kList, "", words(), Importance::kLow,
     Update::kClusterWide, kNoStreamsGroups, "Client tags over which standby copies are spread."},
    {"streams.acceptable.recovery.lag", Type::kLong, "10000", at_least(0), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups, "Lag below which a copy counts as caught up.", true},
    {"streams.assignor.name", Type::kString, kNull, any(), Importance::kMedium,
     Update::kClusterWide, kNoStreamsGroups,
     "Assignor of the group; the broker's first one when it is not set."},
    {"errors.deadletterqueue.topic.name", Type::kString, "", any(), Importance::kMedium,
     Update::kClusterWide, kNoShareGroups,
     "Topic for records that the group gave up; none when it is empty."},
    {"errors.deadletterqueue.copy.record.enable", Type::kBoolean, "false", any(),
     Importance::kMedium, Update::kClusterWide, kNoShareGroups,
     "Whether that topic gets the whole record or only where it was."},
};

constexpr Key kMetricsRows[] = {
    {"metrics", Type::kList, "", words(), Importance::kMedium, Update::kClusterWide, kNoTelemetry,
     "Prefixes of metrics that clients send; * for all."},
    {"interval.ms", Type::kInt, "300000", between(100, 3600000), Importance::kMedium,
     Update::kClusterWide, kNoTelemetry, "How often clients send them."},
    {"match", Type::kList, "", words(), Importance::kMedium, Update::kClusterWide, kNoTelemetry,
     "Which clients: name=pattern,... over id, software and address."},
};

}  // namespace

std::span<const Key> group_key_rows() { return kRows; }
std::span<const Key> metrics_rows() { return kMetricsRows; }

}  // namespace moldau::config::internal
