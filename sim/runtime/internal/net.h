// SimNet is one loop's view of the simulated network. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rt/net.h"

namespace moldau::sim {

class SimLoop;

class SimNet final : public rt::Net {
 public:
  explicit SimNet(SimLoop& loop) : loop_(&loop) {}

  rt::Task<rt::IoResult<std::unique_ptr<rt::Listener>>> listen(rt::Endpoint endpoint) override;
  rt::Task<rt::IoResult<rt::ConnectionPtr>> connect(rt::Endpoint endpoint, base::Duration timeout,
                                                    rt::StopToken token) override;
  rt::Task<rt::IoResult<std::vector<rt::Endpoint>>> resolve(rt::Endpoint endpoint) override;
  [[nodiscard]] std::string host_name() override;

 private:
  SimLoop* loop_;
};

}  // namespace moldau::sim
