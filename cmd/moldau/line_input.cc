#include "cmd/moldau/line_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "rt/work.h"

namespace moldau::cmd {

std::expected<LineInput, std::string> LineInput::open(const std::string& path) {
  if (path == "-") return LineInput(STDIN_FILENO, "standard input");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
  return LineInput(descriptor, path);
}

LineInput::LineInput(LineInput&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

LineInput::~LineInput() {
  if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

std::optional<std::string_view> LineInput::next_line() {
  const std::size_t end = buffer_.find('\n', std::max(at_, scanned_));
  const std::string_view all(buffer_);
  if (end != std::string::npos) {
    const std::string_view line = all.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }
  scanned_ = buffer_.size();
  if (!ended_ || at_ == buffer_.size()) return std::nullopt;
  return all.substr(std::exchange(at_, buffer_.size()));
}

rt::Task<std::expected<bool, std::string>> LineInput::read_more(rt::Loop& loop) {
  if (ended_) co_return false;
  buffer_.erase(0, at_);
  scanned_ -= std::min(at_, scanned_);
  at_ = 0;
  if (buffer_.size() > kLineBytesMax) {
    co_return std::unexpected(path_ + " has a line of more than " + std::to_string(kLineBytesMax) +
                              " bytes; use --file to send a whole file as one record");
  }
  struct Piece {
    std::string bytes;
    int error = 0;
  };
  Piece piece = co_await rt::run_work(loop, [descriptor = descriptor_] {
    Piece read;
    read.bytes.resize(kInputPieceBytes);
    ssize_t count = 0;
    do {
      count = ::read(descriptor, read.bytes.data(), read.bytes.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) read.error = errno;
    read.bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return read;
  });
  if (piece.error != 0) {
    co_return std::unexpected("cannot read " + path_ + ": " + std::strerror(piece.error));
  }
  ended_ = piece.bytes.empty();
  buffer_ += piece.bytes;
  co_return !ended_ || at_ < buffer_.size();
}

}  // namespace moldau::cmd
