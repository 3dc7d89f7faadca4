#include "sim/runtime/internal/last_words.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>

#include "sim/runtime/simulation.h"

// Sanitizers end the process without a signal, but call this first. Absent in other builds.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace moldau::sim {
namespace {

constexpr std::array kSignals = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

LastWords* newest = nullptr;
std::array<struct sigaction, kSignals.size()> others{};
void (*say_all)() = nullptr;

void restore() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &others[i], nullptr);
}

// The handler that was there before, mostly the one that ends the process, gets the signal next.
void on_signal(int signal, siginfo_t* info, void*) {
  restore();
  say_all();
  if (info->si_code <= 0 && signal != SIGABRT) raise(signal);  // Sent; a fault happens again.
}

}  // namespace

LastWords::LastWords(const Simulation& world) : world_(&world), before_(newest) {
  newest = this;
  if (before_ != nullptr) return;
  say_all = &LastWords::say;
  struct sigaction action = {};
  action.sa_sigaction = &on_signal;
  action.sa_flags = SA_SIGINFO;
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &others[i]);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&LastWords::say);
}

LastWords::~LastWords() {
  LastWords** link = &newest;
  while (*link != this) link = &(*link)->before_;
  *link = before_;
  if (newest != nullptr) return;
  restore();
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(nullptr);
}

// In a handler: nothing is allocated, and standard error has no buffer.
void LastWords::say() {
  for (const LastWords* words = newest; words != nullptr; words = words->before_) {
    std::fprintf(stderr,
                 "moldau: simulation: the process dies in the world of seed %llu, after %llu steps "
                 "and %lld us\n",
                 static_cast<unsigned long long>(words->world_->options().seed),
                 static_cast<unsigned long long>(words->world_->steps()),
                 static_cast<long long>(words->world_->now().since_start.count() / 1'000));
  }
}

}  // namespace moldau::sim
