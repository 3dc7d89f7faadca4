// Prints GB/s of each form for some sizes.
#include <chrono>
#include <cstdio>
#include <vector>

#include "base/crc32c.h"

namespace {

using moldau::base::Bytes;

template <class Form>
double gigabytes_per_second(Form form, std::size_t size) {
  const std::vector<std::byte> bytes(size, std::byte{0x5A});
  const std::size_t rounds = (std::size_t{1} << 28) / size;
  std::uint32_t crc = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < rounds; ++i) crc = form(Bytes(bytes), crc);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (crc == 1) std::puts("");  // keeps the work
  return static_cast<double>(rounds * size) / took.count() / 1e9;
}

}  // namespace

int main() {
  std::printf("%s\n%10s %12s %12s\n", moldau::base::crc32c_implementation(), "bytes", "fast GB/s",
              "table GB/s");
  for (const std::size_t size : {40u, 100u, 256u, 1024u, 16384u, 1048576u}) {
    std::printf("%10zu %12.2f %12.2f\n", size, gigabytes_per_second(moldau::base::crc32c, size),
                gigabytes_per_second(moldau::base::crc32c_portable, size));
  }
}
