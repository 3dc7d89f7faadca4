#include "broker/handlers/forward.h"

#include <array>

#include "broker/broker.h"
#include "broker/shard.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "wire/default_principal_data.h"
#include "wire/envelope_request.h"
#include "wire/envelope_response.h"

namespace moldau::broker {
namespace {

// DefaultKafkaPrincipalBuilder's form: the message after its version.
constexpr std::int16_t kPrincipalVersion = 0;

base::SharedBytes encode_principal(const Principal& principal) {
  wire::Writer out;
  out.i16(kPrincipalVersion);
  encode(wire::DefaultPrincipalData{.type = principal.type, .name = principal.name},
         kPrincipalVersion, out);
  auto bytes = out.finish();
  ASSERT(bytes.has_value());
  return bytes->flatten();
}

// The address as the Envelope has it: 4 or 16 raw bytes.
base::SharedBytes address_bytes(const rt::Endpoint& peer) {
  std::array<std::byte, 16> raw{};
  if (const auto size = rt::parse_address(peer.host, raw)) {
    return base::SharedBytes::copy_of(base::Bytes(raw).first(*size));
  }
  // Connections come from numeric addresses; only a simulated peer may have a name.
  return base::SharedBytes::copy_of(base::Bytes(raw).first(4));
}

using Enveloped = client::ClientResult<wire::EnvelopeResponse>;

constexpr base::Duration kRetryPause = std::chrono::milliseconds(50);

// While the quorum changes its leader there is nobody to ask, or the wrong one: again, until the
// client would not wait any longer.
bool ask_again(const Broker& broker, const Enveloped& answer, base::Instant deadline) {
  const bool nobody = !answer || answer->error_code == wire::ErrorCode::kNotController;
  return nobody && broker.serving() && broker.loop0().now() + kRetryPause < deadline;
}

rt::Task<Enveloped> ask_until_answered(Broker& broker, wire::EnvelopeRequest request) {
  const base::Instant deadline = broker.loop0().now() + broker.config().network.request_timeout;
  for (;;) {
    auto answer = co_await broker.controller_channel().call<wire::EnvelopeResponse>(request);
    if (ask_again(broker, answer, deadline)) {
      co_await broker.controller_channel().close();
      co_await rt::sleep_for(broker.loop0(), kRetryPause);
      continue;
    }
    // A client that has created a topic finds it here at once.
    co_await broker.publisher().wait_applied();
    co_return answer;
  }
}

}  // namespace

rt::Task<std::optional<base::SharedBytes>> ask_controller(Shard& shard, RequestContext context,
                                                          base::SharedBytes frame) {
  wire::EnvelopeRequest envelope;
  envelope.request_data = std::move(frame);
  envelope.request_principal = encode_principal(context.principal);
  envelope.client_host_address = address_bytes(context.peer);
  Enveloped answer = co_await rt::call(shard.loop(), shard.broker().loop0(),
                                       ask_until_answered(shard.broker(), std::move(envelope)));
  if (!answer || answer->error_code != wire::ErrorCode::kNone || !answer->response_data) {
    LOG_WARN(
        shard.loop().log(), "forward",
        "closing the connection from {}: the controller did not answer its request, api key {} "
        "version {}: {}",
        context.peer.to_string(), static_cast<std::int16_t>(context.api_key), context.api_version,
        answer ? name(answer->error_code) : std::string_view(answer.error().message));
    co_return std::nullopt;
  }
  co_return std::move(answer->response_data);
}

}  // namespace moldau::broker
