#include "config/value.h"

#include <gtest/gtest.h>

#include "config/table.h"

namespace moldau::config {
namespace {

std::string message(Scope scope, std::string_view key, std::string_view text) {
  const auto value = parse_value(*find_key(scope, key), text);
  return value ? "ok" : value.error();
}

std::string text_of(Scope scope, std::string_view key, std::string_view text) {
  const auto value = parse_value(*find_key(scope, key), text);
  return value ? canonical_text(*value).value_or("null") : value.error();
}

TEST(Value, SaysWhatIsWrongAsKafkaDoes) {
  const auto topic = [](std::string_view key, std::string_view text) {
    return message(Scope::kTopic, key, text);
  };
  EXPECT_EQ(topic("retention.ms", "a week"),
            "Invalid value a week for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(topic("retention.ms", "-2"),
            "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  EXPECT_EQ(topic("segment.bytes", "3000000000"),
            "Invalid value 3000000000 for configuration segment.bytes: Not a number of type INT");
  EXPECT_EQ(topic("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more "
            "than 1");
  EXPECT_EQ(topic("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or "
            "false");
  EXPECT_EQ(topic("compression.type", "brotli"),
            "Invalid value brotli for configuration compression.type: String must be one of: "
            "uncompressed, zstd, lz4, snappy, gzip, producer");
  EXPECT_EQ(
      topic("cleanup.policy", "delete,remove"),
      "Invalid value remove for configuration cleanup.policy: String must be one of: compact, "
      "delete");
  EXPECT_EQ(topic("cleanup.policy", "delete,delete"),
            "Configuration 'cleanup.policy' values must not be duplicated.");
  EXPECT_EQ(
      topic("compression.gzip.level", "0"),
      "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 "
      "or equal to -1");
}

TEST(Value, AcceptsWhatKafkaAccepts) {
  const auto topic = [](std::string_view key, std::string_view text) {
    return text_of(Scope::kTopic, key, text);
  };
  EXPECT_EQ(topic("retention.ms", " 7 "), "7");
  EXPECT_EQ(topic("retention.ms", "+7"), "7");
  EXPECT_EQ(topic("preallocate", "TRUE"), "true");
  EXPECT_EQ(topic("cleanup.policy", "compact , delete"), "compact,delete");
  EXPECT_EQ(topic("cleanup.policy", ""), "");
  EXPECT_EQ(topic("compression.gzip.level", "-1"), "-1");
  EXPECT_EQ(topic("min.cleanable.dirty.ratio", "0.5"), "0.5");
  EXPECT_EQ(topic("min.cleanable.dirty.ratio", "1"), "1.0");
  EXPECT_EQ(topic("min.cleanable.dirty.ratio", "0.00001"), "1.0E-5");
  EXPECT_EQ(topic("leader.replication.throttled.replicas", "0:1,12:3"), "0:1,12:3");
  EXPECT_EQ(topic("leader.replication.throttled.replicas", "*"), "*");
  EXPECT_EQ(
      text_of(Scope::kBroker, "log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308"),
      "1.7976931348623157E308");
  EXPECT_EQ(text_of(Scope::kBroker, "group.consumer.migration.policy", "Upgrade"), "Upgrade");
}

TEST(Value, RefusesNumbersThatOnlyBeginWell) {
  for (const auto* text :
       {"", "1 2", "0x10", "1e3", "++1", "+-1", "1_000", "9223372036854775808"}) {
    EXPECT_NE(message(Scope::kTopic, "retention.ms", text), "ok") << text;
  }
}

TEST(Value, ThrottledReplicasAreAllOrPairs) {
  for (const auto* text : {"1", "1:", ":1", "a:b", "1:2,3", "*,1:2", "1:-2"}) {
    EXPECT_NE(message(Scope::kTopic, "leader.replication.throttled.replicas", text), "ok") << text;
  }
}

TEST(Value, AutoOffsetResetTakesDurations) {
  for (const auto* text :
       {"earliest", "LATEST", "by_duration:PT1H", "by_duration:P1DT2H3M4.5S", "by_duration:P7D"}) {
    EXPECT_EQ(message(Scope::kGroup, "share.auto.offset.reset", text), "ok") << text;
  }
  for (const auto* text :
       {"none", "by_duration:", "by_duration:1H", "by_duration:PT", "by_duration:P",
        "by_duration:PT1M1H", "by_duration:P-1D", "by_duration:PT1.5H"}) {
    EXPECT_NE(message(Scope::kGroup, "share.auto.offset.reset", text), "ok") << text;
  }
}

TEST(Value, HidesPasswordsInMessages) {
  const Key* key = find_key(Scope::kBroker, "ssl.key.password");
  const std::string secret(kValueBytesMax + 1, 's');
  const auto value = parse_value(*key, secret);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().find("sss"), std::string::npos);
}

TEST(Value, SaysWhatIsAllowed) {
  EXPECT_EQ(allowed_values(*find_key(Scope::kTopic, "segment.bytes")), "[1048576,...]");
  EXPECT_EQ(allowed_values(*find_key(Scope::kTopic, "cleanup.policy")), "[compact, delete]");
  EXPECT_EQ(allowed_values(*find_key(Scope::kTopic, "preallocate")), "true or false");
}

}  // namespace
}  // namespace moldau::config
