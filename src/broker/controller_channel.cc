#include "broker/controller_channel.h"

namespace moldau::broker {

rt::Task<client::ClientResult<std::shared_ptr<client::Channel>>> ControllerChannel::open() {
  const auto turn = co_await opening_.lock();
  const std::optional<rt::Endpoint> endpoint = locate_();
  if (!endpoint) {
    co_return client::fail(client::ClientErrorKind::kConnection, "no active controller is known");
  }
  if (channel_ != nullptr && !channel_->closed() && endpoint_ == *endpoint) co_return channel_;
  if (channel_ != nullptr) {
    co_await channel_->close_and_join();
    channel_.reset();
  }
  std::unique_ptr<client::Channel> opened =
      CO_TRY(co_await client::Channel::connect(*loop_, *endpoint, options_));
  channel_ = std::move(opened);
  endpoint_ = *endpoint;
  co_return channel_;
}

rt::Task<> ControllerChannel::close() {
  const auto turn = co_await opening_.lock();
  if (channel_ != nullptr) co_await channel_->close_and_join();
  channel_.reset();
}

}  // namespace moldau::broker
