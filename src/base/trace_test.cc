// Log lines: formatted only when their level is on, and never wrong because of their format.
#include "base/trace.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/ids.h"

namespace moldau::base {
namespace {

class Lines final : public LogSink {
 public:
  void write(LogLevel level, std::string_view module, std::string_view line) override {
    lines.push_back(std::string(to_string(level)) + " " + std::string(module) + ": " +
                    std::string(line));
  }
  std::vector<std::string> lines;
};

TEST(FormatLine, PutsValuesIntoPlaceholders) {
  EXPECT_EQ(format_line("plain", {}), "plain");
  EXPECT_EQ(format_line("{} of {} at {}: {}", {1, 2U, 0.5, "x"}), "1 of 2 at 0.5: x");
  EXPECT_EQ(format_line("{}", {true}), "true");
  EXPECT_EQ(format_line("{} {}", {Offset(-1), TopicName("orders")}), "-1 orders");
  EXPECT_EQ(format_line("{}", {std::numeric_limits<std::int64_t>::min()}), "-9223372036854775808");
  EXPECT_EQ(format_line("{}", {std::numeric_limits<std::uint64_t>::max()}), "18446744073709551615");
}

TEST(FormatLine, SurvivesTooFewAndTooManyValues) {
  EXPECT_EQ(format_line("{} and {}", {1}), "1 and {}");
  EXPECT_EQ(format_line("{}", {1, 2}), "1");
  EXPECT_EQ(format_line("{ }{", {1}), "{ }{");
  EXPECT_EQ(format_line("{}", {"{}"}), "{}");
}

TEST(Logger, WritesFromItsLevelUp) {
  Lines sink;
  Logger logger(sink, LogLevel::kInfo);
  int evaluated = 0;
  const auto count = [&] { return ++evaluated; };
  LOG_DEBUG(logger, "test", "{}", count());
  LOG_INFO(logger, "test", "number {}", count());
  LOG_WARN(logger, "test", "no values");
  EXPECT_EQ(evaluated, 1);
  logger.set_level(LogLevel::kError);
  LOG_WARN(logger, "test", "off");
  LOG_ERROR(logger, "test", "on");
  EXPECT_EQ(sink.lines, (std::vector<std::string>{"INFO test: number 1", "WARN test: no values",
                                                  "ERROR test: on"}));
}

}  // namespace
}  // namespace moldau::base
