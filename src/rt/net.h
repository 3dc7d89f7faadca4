// Net is a loop's view of the network: stream connections, listeners and name resolution. A
// connection and its operations belong to the loop that accepted or opened it. Sending and
// receiving live in the waiting frame and allocate nothing. At most one receive and one send are in
// flight per connection. close() ends both with kClosed; so does destroying the connection, which
// needs that no operation is in flight.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rt/disk.h"
#include "rt/io_error.h"
#include "rt/job.h"
#include "rt/stop.h"
#include "rt/task.h"

namespace moldau::rt {

// A numeric IPv4 or IPv6 address, or a name before resolution, with a port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  // "127.0.0.1:9092", "[::1]:9092".
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// The raw bytes of a numeric address: 4 for IPv4, 16 for IPv6. Yields how many; nothing for a name.
[[nodiscard]] std::optional<std::size_t> parse_address(const std::string& host,
                                                       std::span<std::byte, 16> into);
// The way back; nothing for any other count of bytes.
[[nodiscard]] std::optional<std::string> address_text(base::Bytes raw);

struct NetOperation : ResumeJob {
  enum class Kind : std::uint8_t { kReceive, kSend, kSendFile };

  Kind kind = Kind::kReceive;
  base::MutableBytes into;              // kReceive
  std::span<const base::Bytes> slices;  // kSend
  base::Bytes single;                   // kSend of one slice: slices refers to it
  FileRef file;                         // kSendFile
  std::uint64_t position = 0;
  std::size_t length = 0;
  IoResult<std::size_t> result = 0;
  void* runtime = nullptr;  // the runtime's own bookkeeping while in flight
};

class Connection;

// What the operations of a connection return: co_await it at once.
class [[nodiscard]] NetAwait {
 public:
  explicit NetAwait(Connection& connection, base::MutableBytes into) : connection_(&connection) {
    operation_.kind = NetOperation::Kind::kReceive;
    operation_.into = into;
  }
  NetAwait(Connection& connection, std::span<const base::Bytes> slices) : connection_(&connection) {
    operation_.kind = NetOperation::Kind::kSend;
    operation_.slices = slices;
  }
  NetAwait(Connection& connection, base::Bytes bytes) : connection_(&connection) {
    operation_.kind = NetOperation::Kind::kSend;
    operation_.single = bytes;
    operation_.slices = {&operation_.single, 1};
  }
  NetAwait(Connection& connection, FileRef file, std::uint64_t position, std::size_t length)
      : connection_(&connection) {
    operation_.kind = NetOperation::Kind::kSendFile;
    operation_.file = std::move(file);
    operation_.position = position;
    operation_.length = length;
  }
  NetAwait(const NetAwait&) = delete;
  NetAwait& operator=(const NetAwait&) = delete;
  inline ~NetAwait();

  [[nodiscard]] bool await_ready() const { return false; }
  // False (no suspension) when the operation finished at once.
  inline bool await_suspend(std::coroutine_handle<> waiter);
  IoResult<std::size_t> await_resume() {
    in_flight_ = false;
    return operation_.result;
  }

 private:
  Connection* connection_;
  bool in_flight_ = false;
  NetOperation operation_;
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Some bytes, at least one; kClosed when the peer ended its side.
  NetAwait receive(base::MutableBytes into) { return NetAwait(*this, into); }
  // All bytes, or an error after an unknown part of them.
  NetAwait send(base::Bytes bytes) { return {*this, bytes}; }
  NetAwait send(std::span<const base::Bytes> slices) { return {*this, slices}; }
  // Part of a file, without a copy through this process where the runtime can. Only for bytes that
  // are in the page cache: others would block the loop.
  NetAwait send_file(FileRef file, std::uint64_t position, std::size_t length) {
    return {*this, std::move(file), position, length};
  }

  // Ends the connection in both directions; what was sent may still arrive. Idempotent.
  virtual void close() = 0;
  [[nodiscard]] virtual const Endpoint& peer() const = 0;
  [[nodiscard]] virtual const Endpoint& local() const = 0;

  // For NetAwait only, as Disk::submit and Disk::abandon.
  [[nodiscard]] virtual bool submit(NetOperation& operation) = 0;
  virtual void abandon(NetOperation& operation) = 0;
};
using ConnectionPtr = std::unique_ptr<Connection>;

inline NetAwait::~NetAwait() {
  if (in_flight_) connection_->abandon(operation_);
}

inline bool NetAwait::await_suspend(std::coroutine_handle<> waiter) {
  operation_.waiter = waiter;
  in_flight_ = true;
  return !connection_->submit(operation_);
}

class Listener {
 public:
  virtual ~Listener() = default;
  // The next connection. kStopped after close() or a stop; kTooManyFiles is worth a pause and
  // retry.
  [[nodiscard]] virtual Task<IoResult<ConnectionPtr>> accept(StopToken token) = 0;
  virtual void close() = 0;
  // With the port that was chosen when 0 was asked for.
  [[nodiscard]] virtual const Endpoint& local() const = 0;
};

class Net {
 public:
  virtual ~Net() = default;

  // An empty host or "::" listens on all addresses. Several loops may listen on one endpoint (the
  // runtime spreads connections over them).
  [[nodiscard]] virtual Task<IoResult<std::unique_ptr<Listener>>> listen(Endpoint endpoint) = 0;
  // Resolves the host and tries its addresses in turn within the timeout.
  [[nodiscard]] virtual Task<IoResult<ConnectionPtr>> connect(Endpoint endpoint,
                                                              base::Duration timeout,
                                                              StopToken token) = 0;
  // Numeric addresses of a name, in the resolver's order.
  [[nodiscard]] virtual Task<IoResult<std::vector<Endpoint>>> resolve(Endpoint endpoint) = 0;
  // This machine's host name, for advertised listeners that name none.
  [[nodiscard]] virtual std::string host_name() = 0;
};

}  // namespace moldau::rt
