// LoopNet is rt::Net of one event loop: listeners that share acceptors with other loops, outgoing
// connections, and names resolved on threads of their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/internal/address.h"
#include "rt/net.h"

namespace moldau::io::internal {

class EventLoop;

class LoopNet final : public rt::Net {
 public:
  explicit LoopNet(EventLoop& loop) : loop_(&loop) {}

  [[nodiscard]] rt::Task<rt::IoResult<std::unique_ptr<rt::Listener>>> listen(
      rt::Endpoint endpoint) override;
  [[nodiscard]] rt::Task<rt::IoResult<rt::ConnectionPtr>> connect(rt::Endpoint endpoint,
                                                                  base::Duration timeout,
                                                                  rt::StopToken token) override;
  [[nodiscard]] rt::Task<rt::IoResult<std::vector<rt::Endpoint>>> resolve(
      rt::Endpoint endpoint) override;
  [[nodiscard]] std::string host_name() override;

 private:
  [[nodiscard]] rt::Task<rt::IoResult<std::vector<Address>>> addresses(rt::Endpoint endpoint,
                                                                       base::Instant deadline,
                                                                       rt::StopToken token);
  [[nodiscard]] rt::Task<rt::IoResult<Address>> listening_address(rt::Endpoint endpoint);
  [[nodiscard]] rt::Task<rt::IoResult<rt::ConnectionPtr>> connect_to(Address address,
                                                                     base::Instant deadline,
                                                                     rt::StopToken token);

  EventLoop* loop_;
};

}  // namespace moldau::io::internal
