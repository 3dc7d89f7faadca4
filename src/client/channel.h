// Channel is one connection to a broker or controller. Requests are pipelined and answered in
// order; each call picks the newest version that both sides know, from the ApiVersions exchange
// that opens the channel. An error on the connection fails every call in flight and the channel
// stays closed: whoever owns it connects anew. At most kRequestsInFlightMax calls wait at a time,
// more wait their turn. A request without an answer within its time closes the channel, as in
// Kafka's clients: a silent broker must not collect requests. One loop. Destroy it only after
// close_and_join(), which waits for the calls in flight too.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "client/client_error.h"
#include "rt/net.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "rt/task.h"
#include "wire/api_key.h"
#include "wire/api_versions_response.h"
#include "wire/frame.h"
#include "wire/reader.h"

namespace moldau::client {

inline constexpr std::size_t kRequestsInFlightMax = 64;
inline constexpr std::size_t kResponseBytesMax = std::size_t{256} << 20;

struct ChannelOptions {
  std::string client_id = "moldau";
  base::Duration connect_timeout = std::chrono::seconds(10);
  base::Duration request_timeout = std::chrono::seconds(30);
};

class Channel {
 public:
  using Connected = ClientResult<std::unique_ptr<Channel>>;

  // Connects and exchanges ApiVersions.
  static rt::Task<Connected> connect(rt::Loop& loop, rt::Endpoint endpoint, ChannelOptions options,
                                     rt::StopToken token = {});
  Channel(rt::Loop& loop, rt::ConnectionPtr connection, ChannelOptions options);
  ~Channel() = default;

  // Sends the request in the newest common version, at most `version_max`, and waits for the
  // answer. The answer's own error codes are the caller's to read.
  template <class Response, class Request>
  rt::Task<ClientResult<Response>> call(Request request,
                                        std::int16_t version_max = Request::kStableVersion,
                                        base::Instant deadline = base::kNever);
  // The same at exactly one version, which replication and tests need.
  template <class Response, class Request>
  rt::Task<ClientResult<Response>> call_at(Request request, std::int16_t version,
                                           base::Instant deadline = base::kNever);
  // Sends a request that has no answer (Produce with acks=0).
  template <class Request>
  rt::Task<ClientResult<void>> send_only(Request request,
                                         std::int16_t version_max = Request::kStableVersion);

  // Nothing when there is no common version.
  [[nodiscard]] std::optional<std::int16_t> common_version(wire::ApiKey key, std::int16_t ours_min,
                                                           std::int16_t ours_max) const;
  [[nodiscard]] const wire::ApiVersionsResponse& api_versions() const { return api_versions_; }
  [[nodiscard]] const rt::Endpoint& peer() const { return connection_->peer(); }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] rt::Loop* loop() const { return loop_; }

  void close();
  rt::Task<> close_and_join();

 private:
  struct Pending {
    base::CorrelationId id;
    rt::Event* done = nullptr;  // null when the caller has given up
    std::optional<base::SharedBytes> answer;
  };

  // Ends the channel when a request took too long, also while it still waits to be sent.
  struct Watchdog;
  struct Exchange {
    wire::ApiKey key;
    std::int16_t version;
    base::CorrelationId id;
    bool wants_answer = true;
    base::Instant deadline = base::kNever;
  };

  // Sends the frame and waits for the answer's bytes after the header.
  rt::Task<ClientResult<base::SharedBytes>> exchange(Exchange what, base::ByteChain frame);
  // Sends in turn and takes a place among the waiting; false when the channel is closed.
  rt::Task<bool> send_frame(base::ByteChain frame, std::shared_ptr<Pending> pending);
  rt::Task<ClientResult<void>> negotiate();
  rt::Task<ClientResult<wire::ErrorCode>> ask_versions(std::int16_t version);
  rt::Task<> read_answers();
  rt::Task<ClientResult<base::SharedBytes>> read_frame();
  base::CorrelationId next_id();
  [[nodiscard]] ClientError broken() const;
  [[nodiscard]] static ClientError unsupported(wire::ApiKey key);
  [[nodiscard]] static ClientError malformed(wire::ApiKey key, wire::WireError error);

  rt::Loop* loop_;
  rt::ConnectionPtr connection_;
  ChannelOptions options_;
  wire::ApiVersionsResponse api_versions_;
  rt::Mutex sending_;
  rt::Semaphore in_flight_;
  std::deque<std::shared_ptr<Pending>> pending_;  // in the order of sending
  std::size_t calls_ = 0;                         // frames of exchange() that exist
  rt::Signal calls_ended_;
  std::int32_t next_correlation_id_ = 0;
  bool closed_ = false;
  std::string close_reason_;
  rt::Scope scope_;  // last: its frames use the members above
};

template <class Response, class Request>
rt::Task<ClientResult<Response>> Channel::call(Request request, std::int16_t version_max,
                                               base::Instant deadline) {
  const auto version = common_version(Request::kApiKey, Request::kMinVersion, version_max);
  if (!version) co_return std::unexpected(unsupported(Request::kApiKey));
  co_return co_await call_at<Response>(std::move(request), *version, deadline);
}

template <class Response, class Request>
rt::Task<ClientResult<Response>> Channel::call_at(Request request, std::int16_t version,
                                                  base::Instant deadline) {
  const base::CorrelationId id = next_id();
  auto frame = wire::request_frame(request, version, id, options_.client_id);
  if (!frame) co_return std::unexpected(malformed(Request::kApiKey, frame.error()));
  const base::SharedBytes bytes = CO_TRY(co_await exchange({.key = Request::kApiKey,
                                                            .version = version,
                                                            .id = id,
                                                            .wants_answer = true,
                                                            .deadline = deadline},
                                                           std::move(*frame)));
  wire::Reader in(bytes);
  Response response;
  if (auto decoded = decode(response, version, in); !decoded) {
    co_return std::unexpected(malformed(Request::kApiKey, decoded.error()));
  }
  co_return response;
}

template <class Request>
rt::Task<ClientResult<void>> Channel::send_only(Request request, std::int16_t version_max) {
  const auto version = common_version(Request::kApiKey, Request::kMinVersion, version_max);
  if (!version) co_return std::unexpected(unsupported(Request::kApiKey));
  const base::CorrelationId id = next_id();
  auto frame = wire::request_frame(request, *version, id, options_.client_id);
  if (!frame) co_return std::unexpected(malformed(Request::kApiKey, frame.error()));
  CO_TRY(co_await exchange(
      {.key = Request::kApiKey, .version = *version, .id = id, .wants_answer = false},
      std::move(*frame)));
  co_return {};
}

}  // namespace moldau::client
