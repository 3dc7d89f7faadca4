// LastWords names the worlds that live when the process dies of a signal, such as the abort of a
// failed ASSERT, or of a sanitizer's finding: their seeds, how far they had come and how to get
// there again. One member of each Simulation. Process-wide, since signals are; one thread.
#pragma once

namespace moldau::sim {

class Simulation;

class LastWords {
 public:
  explicit LastWords(const Simulation& world);
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
  ~LastWords();

 private:
  static void say();

  const Simulation* world_;
  LastWords* before_;  // the world made before this one that still lives
};

}  // namespace moldau::sim
