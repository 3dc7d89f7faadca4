#include "io/internal/log_writer.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

#include <gtest/gtest.h>

#include "io/internal/descriptor.h"

namespace moldau::io::internal {
namespace {

constexpr base::Timestamp kAt(1'767'323'045'678);  // 2026-01-02 03:04:05.678 UTC

TEST(LogWriter, WritesTextAsKafkaDoes) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(text_line(kAt, base::LogLevel::kInfo, "storage", "loaded 3"),
            "2026-01-02 03:04:05,678 INFO  [storage] loaded 3\n");
  EXPECT_EQ(text_line(kAt, base::LogLevel::kError, "io", "x"),
            "2026-01-02 03:04:05,678 ERROR [io] x\n");
}

TEST(LogWriter, ALineStaysALine) {
  EXPECT_TRUE(text_line(kAt, base::LogLevel::kInfo, "m", "a\nb\x1b[0m\"")
                  .ends_with("[m] a\\nb\\u001b[0m\"\n"));
  EXPECT_LT(text_line(kAt, base::LogLevel::kInfo, "m", std::string(1 << 20, 'x')).size(), 20'000U);
}

TEST(LogWriter, WritesJson) {
  EXPECT_EQ(json_line(kAt, base::LogLevel::kWarn, "io", "a \"b\" \\ \t\n"),
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"WARN\",\"module\":\"io\","
            "\"message\":\"a \\\"b\\\" \\\\ \\u0009\\n\"}\n");
}

TEST(LogWriter, WritesToItsDescriptor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Descriptor reader(ends[0]);
  const Descriptor writer(ends[1]);
  LogWriter log(writer.get(), LogFormat::kText);
  log.write(base::LogLevel::kInfo, "m", "hello");
  std::array<char, 100> text{};
  const ssize_t size = ::read(reader.get(), text.data(), text.size());
  ASSERT_GT(size, 0);
  EXPECT_TRUE(
      std::string_view(text.data(), static_cast<std::size_t>(size)).ends_with("INFO  [m] hello\n"));
}

TEST(LogWriter, ABrokenDescriptorIsNoProblem) {
  LogWriter log(-1, LogFormat::kText);
  log.write(base::LogLevel::kInfo, "m", "nobody reads this");
}

}  // namespace
}  // namespace moldau::io::internal
