// LineInput reads a file or standard input in large pieces off the loop, so that what was read is
// sent while a terminal or a pipe is slow, and cuts it into lines.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "rt/loop.h"
#include "rt/task.h"

namespace moldau::cmd {

inline constexpr std::size_t kInputPieceBytes = std::size_t{256} << 10;
inline constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;

class LineInput {
 public:
  // "-" is standard input. Fails with a sentence.
  [[nodiscard]] static std::expected<LineInput, std::string> open(const std::string& path);
  LineInput(LineInput&& other) noexcept;
  LineInput& operator=(LineInput&&) = delete;
  ~LineInput();

  // A line that is here already, without its end; nothing when more must be read.
  [[nodiscard]] std::optional<std::string_view> next_line() [[clang::lifetimebound]];
  // Reads more; false at the end. What the last line, without an end, holds is then next_line().
  rt::Task<std::expected<bool, std::string>> read_more(rt::Loop& loop);

 private:
  LineInput(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_;
  std::string path_;
  std::string buffer_;
  std::size_t at_ = 0;       // what is before was given out
  std::size_t scanned_ = 0;  // no line end between at_ and here
  bool ended_ = false;
};

}  // namespace moldau::cmd
