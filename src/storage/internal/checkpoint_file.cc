#include "storage/internal/checkpoint_file.h"

#include "storage/internal/text.h"

namespace moldau::storage::internal {

std::string encode_checkpoint(const OffsetCheckpoint& entries) {
  std::string text = "0\n" + std::to_string(entries.size()) + "\n";
  for (const auto& [partition, offset] : entries) {
    text.append(partition.topic.view()).append(" ");
    text.append(std::to_string(partition.partition.value())).append(" ");
    text.append(std::to_string(offset.value())).append("\n");
  }
  return text;
}

namespace {

// A line's three words.
std::expected<void, std::string> add_line(std::string_view line, OffsetCheckpoint& into) {
  const auto bad = [&] { return std::unexpected("malformed line \"" + std::string(line) + "\""); };
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos || first == 0) return bad();
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return bad();
  const auto partition = parse_number<std::int32_t>(line.substr(first + 1, second - first - 1));
  const auto offset = parse_number<std::int64_t>(line.substr(second + 1));
  if (!partition.has_value() || !offset.has_value()) return bad();
  into[{base::TopicName(line.substr(0, first)), base::PartitionIndex(*partition)}] =
      base::Offset(*offset);
  return {};
}

}  // namespace

std::expected<OffsetCheckpoint, std::string> decode_checkpoint(std::string_view text) {
  OffsetCheckpoint entries;
  if (text.empty()) return entries;
  const auto version = parse_number<std::int32_t>(take_line(text));
  if (version != 0) return std::unexpected(std::string("the version is not 0"));
  const auto count = parse_number<std::int64_t>(take_line(text));
  if (!count.has_value() || *count < 0) return std::unexpected(std::string("the count is missing"));
  std::int64_t lines = 0;
  while (!text.empty()) {
    const auto added = add_line(take_line(text), entries);
    if (!added) return std::unexpected(added.error());
    ++lines;
  }
  if (lines != *count) {
    return std::unexpected("it announces " + std::to_string(*count) + " entries and has " +
                           std::to_string(lines));
  }
  return entries;
}

}  // namespace moldau::storage::internal
