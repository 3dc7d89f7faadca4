// TcpConnection is rt::Connection over a non-blocking socket. An operation tries its system call
// first and waits for readiness only when the kernel has nothing to give or no room to take; the
// socket is registered with the poller at the first wait, edge-triggered, once. A receive that
// yields less than it asked for has emptied the socket, so the next one waits without asking.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/internal/descriptor.h"
#include "io/internal/poller.h"
#include "rt/net.h"

namespace moldau::io::internal {

class EventLoop;

class TcpConnection final : public rt::Connection, private Watch {
 public:
  // The socket is connected and non-blocking, and counted in the loop's connections already.
  TcpConnection(EventLoop& loop, Descriptor socket);
  ~TcpConnection() override;

  void close() override;
  [[nodiscard]] const rt::Endpoint& peer() const override { return peer_; }
  [[nodiscard]] const rt::Endpoint& local() const override { return local_; }
  [[nodiscard]] bool submit(rt::NetOperation& operation) override;
  void abandon(rt::NetOperation& operation) override;

 private:
  void on_ready(std::uint32_t events) override;
  // True when the operation is over; else it waits for readiness.
  [[nodiscard]] bool try_receive(rt::NetOperation& operation);
  [[nodiscard]] bool try_send(rt::NetOperation& operation);
  [[nodiscard]] bool try_send_file(rt::NetOperation& operation);
  [[nodiscard]] bool fail(rt::NetOperation& operation, int os_error);
  [[nodiscard]] bool watch(rt::NetOperation& operation);
  void finish(rt::NetOperation*& operation);
  void advance(const rt::NetOperation& operation, std::size_t count);

  EventLoop* loop_;
  Descriptor socket_;
  rt::Endpoint peer_;
  rt::Endpoint local_;

  bool watched_ = false;
  bool readable_ = true;                 // as far as we know
  bool ended_ = false;                   // the peer's end was seen in an event
  rt::NetOperation* receive_ = nullptr;  // waiting
  rt::NetOperation* send_ = nullptr;
  // Progress of the send in flight.
  std::size_t slice_ = 0;
  std::size_t slice_offset_ = 0;
  std::size_t sent_ = 0;
};

}  // namespace moldau::io::internal
