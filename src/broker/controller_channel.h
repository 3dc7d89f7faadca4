// ControllerChannel is the broker's way to the active controller: one channel to its listener,
// opened when first needed and again after it broke or the leader moved. Requests cross it as
// frames, also when controller and broker share a process, so that one node takes the same path as
// many. Lives on loop 0.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/channel.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::broker {

// Where the active controller listens; nothing while none is known.
using ControllerLocator = std::function<std::optional<rt::Endpoint>()>;

class ControllerChannel {
 public:
  ControllerChannel(rt::Loop& loop, ControllerLocator locate, client::ChannelOptions options)
      : loop_(&loop), locate_(std::move(locate)), options_(std::move(options)), opening_(loop) {}

  // Asks the active controller once. kNotController inside an answer is the caller's to see.
  template <class Response, class Request>
  rt::Task<client::ClientResult<Response>> call(Request request) {
    const std::shared_ptr<client::Channel> channel = CO_TRY(co_await open());
    co_return co_await channel->call<Response>(std::move(request));
  }

  // The open channel, connecting if need be.
  rt::Task<client::ClientResult<std::shared_ptr<client::Channel>>> open();
  // Drops the channel, so that the next call looks for the controller anew.
  rt::Task<> close();

 private:
  rt::Loop* loop_;
  ControllerLocator locate_;
  client::ChannelOptions options_;
  rt::Mutex opening_;
  std::shared_ptr<client::Channel> channel_;
  rt::Endpoint endpoint_;
};

}  // namespace moldau::broker
