// Moldau's half of the comparison with Kafka's classes (java/CodecPeer.java is the other).
//   codec_peer draw OURS SEED COUNT [PLANT]
//                                     writes COUNT instances of every message and version. A plant
//                                     makes one of them wrong, which both sides have to notice:
//                                     skip it, flip a byte of it, leave its fields at default
//   codec_peer seeds FOLDER           writes inputs of wire_wire_fuzz
//   codec_peer check THEIRS           decodes what Kafka's classes wrote, compares each field and
//                                     encodes it again; prints failures and `N passed, N failed`
// File: int32 count; per instance message name, int16 version, bytes, fields, each length-prefixed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "wire/reader.h"
#include "wire/registry.h"
#include "wire/testing/sample.h"
#include "wire/writer.h"

namespace moldau::wire::testing {
namespace {

constexpr int kFailuresShown = 30;

void say(std::FILE* to, const std::string& line) { std::fputs((line + '\n').c_str(), to); }

// The other side lists fields in its own order.
std::string sorted_lines(const std::string& text) {
  std::vector<std::string_view> lines;
  std::size_t from = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    lines.push_back(std::string_view(text).substr(from, end - from));
    from = end + 1;
  }
  if (from < text.size()) lines.push_back(std::string_view(text).substr(from));
  std::ranges::sort(lines);
  std::string sorted;
  for (const auto line : lines) {
    if (!sorted.empty()) sorted += '\n';
    sorted += line;
  }
  return sorted;
}

void put_block(Writer& out, std::string_view text) {
  out.i32(static_cast<std::int32_t>(text.size()));
  out.raw(base::as_bytes(text));
}

base::SharedBytes get_block(Reader& in) {
  return in.bytes(static_cast<std::size_t>(std::max(in.i32(), 0)));
}

constexpr std::string_view kPlantedMessage = "FetchRequest";
constexpr std::int16_t kPlantedVersion = 12;

// COUNT instances of one message and version.
std::expected<std::int32_t, WireError> draw_pair(const SampleCodec& codec, std::int16_t version,
                                                 std::uint64_t seed, int count,
                                                 std::string_view plant, Writer& out) {
  if (plant == "skip") return 0;
  for (int i = 0; i < count; ++i) {
    base::Rng rng(seed + static_cast<std::uint64_t>(i));
    auto how = static_cast<Draw>(std::min(i, static_cast<int>(Draw::kRandom)));
    if (plant == "default") how = Draw::kDefault;
    const auto sample = codec.draw(version, rng, how);
    if (!sample) return std::unexpected(sample.error());
    std::string bytes(sample->bytes.text());
    if (plant == "flip" && how == Draw::kMax) bytes.back() = static_cast<char>(~bytes.back());
    put_block(out, codec.name);
    out.i16(version);
    put_block(out, bytes);
    put_block(out, sorted_lines(sample->fields));
  }
  return count;
}

int draw(const std::string& path, std::uint64_t seed, int count, std::string_view plant) {
  Writer out;
  const std::size_t total_at = out.mark();
  out.i32(0);
  std::int32_t total = 0;
  for (const SampleCodec& codec : sample_codecs()) {
    for (std::int16_t version = codec.min_version; version <= codec.max_version; ++version) {
      const bool here = codec.name == kPlantedMessage && version == kPlantedVersion;
      const auto drawn = draw_pair(codec, version, seed, count, here ? plant : "", out);
      if (!drawn) {
        say(stderr, std::string(codec.name) + " v" + std::to_string(version) + ": " +
                        std::string(to_string(drawn.error())));
        return EXIT_FAILURE;
      }
      total += *drawn;
      seed += static_cast<std::uint64_t>(count);
    }
  }
  out.patch_i32(total_at, total);
  const auto file = out.finish();
  if (!file) return EXIT_FAILURE;
  std::ofstream stream(path, std::ios::binary);
  for (const auto& part : file->parts()) stream << part.text();
  stream.close();
  return stream ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Two inputs of the fuzzer for each message and version: it would hardly find its way past the
// first fields of most by itself.
int write_seeds(const std::string& folder) {
  const auto all = messages();
  std::uint64_t seed = 1;
  for (std::size_t index = 0; index < all.size(); ++index) {
    const auto codec = std::ranges::find(sample_codecs(), all[index].name, &SampleCodec::name);
    if (codec == sample_codecs().end()) return EXIT_FAILURE;
    for (std::int16_t version = codec->min_version; version <= codec->max_version; ++version) {
      for (const Draw how : {Draw::kOne, Draw::kRandom}) {
        base::Rng rng(seed++);
        const auto sample = codec->draw(version, rng, how);
        if (!sample) return EXIT_FAILURE;
        std::ofstream stream(folder + "/" + std::string(codec->name) + "-" +
                                 std::to_string(version) + (how == Draw::kOne ? "-one" : "-random"),
                             std::ios::binary);
        stream << static_cast<char>(index >> 8U) << static_cast<char>(index)
               << static_cast<char>(version - codec->min_version) << sample->bytes.text();
        stream.close();
        if (!stream) return EXIT_FAILURE;
      }
    }
  }
  return EXIT_SUCCESS;
}

std::string first_difference(const std::string& ours, const std::string& theirs) {
  std::istringstream a(ours);
  std::istringstream b(theirs);
  std::string left;
  std::string right;
  do {
    left.clear();
    right.clear();
    std::getline(a, left);
    std::getline(b, right);
  } while (left == right && (a || b));
  return "'" + left.substr(0, 100) + "' / '" + right.substr(0, 100) + "'";
}

// Nothing when our side agrees with what Kafka wrote.
std::string compare(const SampleCodec& codec, std::int16_t version, const base::SharedBytes& bytes,
                    const std::string& fields) {
  const auto read = codec.read(bytes, version);
  if (!read) return "cannot read it: " + std::string(to_string(read.error()));
  const std::string ours = sorted_lines(read->fields);
  if (ours != fields) return "reads other values: " + first_difference(ours, fields);
  if (read->bytes != bytes) {
    return "writes other bytes: " + base::to_hex(read->bytes.span()).substr(0, 200) + " / " +
           base::to_hex(bytes.span()).substr(0, 200);
  }
  if (read->encoded_size != bytes.size()) return "encoded_size is wrong";
  return {};
}

class Checker {
 public:
  Checker() {
    for (const SampleCodec& codec : sample_codecs()) {
      codecs_[std::string(codec.name)] = &codec;
      for (std::int16_t version = codec.min_version; version <= codec.max_version; ++version) {
        pairs_[pair_name(codec.name, version)];
      }
    }
  }

  void check(const std::string& name, std::int16_t version, const base::SharedBytes& bytes,
             const std::string& fields) {
    Pair& pair = pairs_[pair_name(name, version)];
    pair.compared += 1;
    const auto codec = codecs_.find(name);
    const bool known = codec != codecs_.end() && version >= codec->second->min_version &&
                       version <= codec->second->max_version;
    std::string failure = "has no codec";
    if (known) failure = compare(*codec->second, version, bytes, fields);
    if (!failure.empty()) pair.failures.push_back(failure);
  }

  int report() const {
    std::size_t failed = 0;
    std::size_t instances = 0;
    std::size_t most = 1;
    for (const auto& [name, pair] : pairs_) most = std::max(most, pair.compared);
    for (const auto& [name, pair] : pairs_) {
      instances += pair.compared;
      std::string failure = pair.failures.empty() ? "" : "Moldau " + pair.failures.front();
      if (pair.compared < most) {
        failure = fmt::format("{} of {} instances compared", pair.compared, most);
      }
      if (failure.empty()) continue;
      if (failed++ < kFailuresShown) say(stdout, "FAIL " + name + ": " + failure);
    }
    say(stdout, "Moldau read and wrote " + std::to_string(instances) + " of Kafka's instances of " +
                    std::to_string(pairs_.size()) + " messages and versions");
    say(stdout,
        std::to_string(pairs_.size() - failed) + " passed, " + std::to_string(failed) + " failed");
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  struct Pair {
    std::size_t compared = 0;
    std::vector<std::string> failures;
  };
  static std::string pair_name(std::string_view name, std::int16_t version) {
    return std::string(name) + " v" + std::to_string(version);
  }

  std::map<std::string, const SampleCodec*> codecs_;
  std::map<std::string, Pair> pairs_;
};

int check(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  Reader in(base::SharedBytes::copy_of(text.str()));
  Checker checker;
  for (std::int32_t left = in.i32(); left > 0 && in.ok(); --left) {
    const std::string name(get_block(in).text());
    const std::int16_t version = in.i16();
    const auto bytes = get_block(in);
    const std::string fields(get_block(in).text());
    if (in.ok()) checker.check(name, version, bytes, fields);
  }
  if (!in.done()) {
    say(stderr, path + " is damaged");
    return EXIT_FAILURE;
  }
  return checker.report();
}

}  // namespace
}  // namespace moldau::wire::testing

int main(int count, char** values) {
  const std::vector<std::string> arguments(values + 1, values + count);
  if ((arguments.size() == 4 || arguments.size() == 5) && arguments[0] == "draw") {
    return moldau::wire::testing::draw(
        arguments[1], std::strtoull(arguments[2].c_str(), nullptr, 10),
        std::atoi(arguments[3].c_str()), arguments.size() == 5 ? arguments[4] : "");
  }
  if (arguments.size() == 2 && arguments[0] == "seeds") {
    return moldau::wire::testing::write_seeds(arguments[1]);
  }
  if (arguments.size() == 2 && arguments[0] == "check") {
    return moldau::wire::testing::check(arguments[1]);
  }
  std::fputs("codec_peer draw OURS SEED COUNT [skip|flip|default] | check THEIRS | seeds FOLDER\n",
             stderr);
  return 2;
}
