#include "io/internal/log_writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
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

// A loop that logs must not wait for whoever reads the log: a full pipe used to stop it.
TEST(LogWriter, AStuckReaderStopsNobodyAndWhatIsMissingIsSaid) {
  constexpr int kLines = 50'000;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  std::string text;
  std::thread slow;
  {
    LogWriter log(writer.get(), LogFormat::kText, std::chrono::hours(1));
    for (int i = 0; i < kLines; ++i) log.write(base::LogLevel::kInfo, "m", std::string(100, 'x'));
    slow = std::thread([&] {
      std::array<char, 65536> part;
      for (;;) {
        const ssize_t count = ::read(reader.get(), part.data(), part.size());
        if (count <= 0) return;
        text.append(part.data(), static_cast<std::size_t>(count));
      }
    });
  }
  writer.reset();
  slow.join();
  const auto written = std::ranges::count(text, '\n') - 1;  // less the note
  EXPECT_GT(text.size(), LogWriter::kWaitingBytesMax);
  const std::size_t note = text.find(" lines are missing here");
  ASSERT_NE(note, std::string::npos);
  const std::size_t number = text.rfind(' ', note - 1) + 1;
  EXPECT_EQ(std::stol(text.substr(number)) + written, kLines);
}

TEST(LogWriter, APipeThatNobodyReadsDoesNotKeepTheProcess) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  // What the thread that is given up writes to stays open as long as the process lives; without a
  // reader its write ends, and so does the thread.
  ::signal(SIGPIPE, SIG_IGN);
  const Descriptor reader(ends[0]);
  LogWriter log(ends[1], LogFormat::kText, std::chrono::milliseconds(1));
  for (int i = 0; i < 10'000; ++i) log.write(base::LogLevel::kInfo, "m", std::string(100, 'x'));
}

TEST(LogWriter, ABrokenDescriptorIsNoProblem) {
  LogWriter log(-1, LogFormat::kText);
  log.write(base::LogLevel::kInfo, "m", "nobody reads this");
}

}  // namespace
}  // namespace moldau::io::internal
