// What the benchmarks of io share: latencies and the table they are printed in. Benchmarks only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "io/internal/clock.h"

namespace moldau::io::internal {

class Measured {
 public:
  void start() {
    started_ = monotonic_now();
    cpu_ = cpu_now();
  }
  void add(base::Duration one) { each_.push_back(one.count()); }
  // Prints operations a second, CPU of the whole process and the spread of single ones.
  void print(const std::string& name, std::size_t operations) {
    const auto passed = static_cast<double>((monotonic_now() - started_).count());
    const auto cpu = static_cast<double>((cpu_now() - cpu_).count());
    const auto count = static_cast<double>(operations);
    std::printf("%-44s %10.0f /s %8.2f us CPU each", name.c_str(), count * 1e9 / passed,
                cpu / count / 1000);
    if (!each_.empty()) {
      std::ranges::sort(each_);
      std::printf("   p50 %8.1f  p99 %8.1f  max %8.1f us", at(0.5), at(0.99), at(1));
    }
    std::printf("\n");
    std::fflush(stdout);
    each_.clear();
  }

 private:
  [[nodiscard]] double at(double part) const {
    const auto last = static_cast<double>(each_.size() - 1);
    return static_cast<double>(each_[static_cast<std::size_t>(part * last)]) / 1000;
  }
  static base::Duration cpu_now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto total = [](const timeval& t) {
      return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
    };
    return total(usage.ru_utime) + total(usage.ru_stime);
  }

  base::Instant started_;
  base::Duration cpu_{0};
  std::vector<std::int64_t> each_;
};

}  // namespace moldau::io::internal
