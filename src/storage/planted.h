// Bugs that sim_planted_test plants, to prove that the simulator finds them: a checker that never
// failed is not known to check. That test alone compiles the two files that ask planted() again,
// with MOLDAU_PLANTED_BUGS; in every other binary the answer is a constant and no code is left.
#pragma once

#include <cstdint>

namespace moldau::storage {

enum class PlantedBug : std::uint8_t {
  kNone,
  kAnswerBeforeSync,    // what is written counts as durable
  kTailNotCut,          // a log goes on behind the bytes of a torn write
  kProducersForgotten,  // a start does not restore what producers had stored
};

#ifdef MOLDAU_PLANTED_BUGS
[[nodiscard]] bool planted(PlantedBug bug);  // the test's
#else
[[nodiscard]] constexpr bool planted(PlantedBug) { return false; }
#endif

}  // namespace moldau::storage
