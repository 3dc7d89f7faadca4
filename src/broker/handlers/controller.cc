// The controller listener: quorum RPCs, registrations and the admin requests that brokers forward.
// All of it runs on loop 0, where raft and the controller live. An Envelope is opened here and its
// request served as if it had come by itself, in the name of the principal it carries (KIP-590).
#include "broker/handlers/controller.h"

#include "base/endian.h"
#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/shard.h"
#include "rt/call.h"
#include "wire/default_principal_data.h"
#include "wire/envelope_request.h"
#include "wire/envelope_response.h"
#include "wire/frame.h"
#include "wire/registry.h"
#include "wire/request_header.h"

namespace moldau::broker {
namespace {

constexpr std::int16_t kPrincipalVersion = 0;

std::optional<Principal> decode_principal(const std::optional<base::SharedBytes>& bytes) {
  if (!bytes) return std::nullopt;
  wire::Reader in(*bytes);
  if (in.i16() != kPrincipalVersion) return std::nullopt;
  wire::DefaultPrincipalData data;
  if (!decode(data, kPrincipalVersion, in) || !in.done()) return std::nullopt;
  return Principal{.type = data.type, .name = data.name};
}

// What may travel in an Envelope: the forwardable APIs that a controller serves.
const Api* find_forwardable(std::int16_t key, std::int16_t version) {
  const Api* api = find_api(key, ListenerKind::kController);
  const wire::ApiInfo* info = wire::find_api(key);
  if (api == nullptr || info == nullptr || !info->forwardable) return nullptr;
  return version >= api->min_version && version <= api->max_version ? api : nullptr;
}

Answer envelope_answer(Shard& shard, const RequestContext& context, wire::ErrorCode error,
                       std::optional<base::SharedBytes> data) {
  wire::EnvelopeResponse response;
  response.error_code = error;
  response.response_data = std::move(data);
  return answer(shard, context, response);
}

}  // namespace

RaftRequestInfo raft_info(const RequestContext& context) {
  return {.listener = context.listener->name, .api_version = context.api_version};
}

rt::Task<Answer> serve_envelope(Shard& shard, Request request) {
  const RequestContext& outer = request.context;
  wire::EnvelopeRequest envelope;
  if (auto refused = read_body(shard, request, envelope)) co_return std::move(*refused);
  if (!shard.authorizer().authorize(outer, Operation::kClusterAction, ResourceType::kCluster,
                                    kClusterResource)) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kClusterAuthorizationFailed,
                              std::nullopt);
  }
  const auto principal = decode_principal(envelope.request_principal);
  if (!principal) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kPrincipalDeserializationFailure,
                              std::nullopt);
  }
  constexpr std::size_t kKeyAndVersion = 2 * sizeof(std::int16_t);
  const auto client = rt::address_text(envelope.client_host_address.span());
  if (!client) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kInvalidRequest, std::nullopt);
  }
  const base::SharedBytes& frame = envelope.request_data;
  const bool readable = frame.size() >= kKeyAndVersion;
  const auto key = readable ? base::load_be<std::int16_t>(frame.data()) : std::int16_t{-1};
  const auto version = readable ? base::load_be<std::int16_t>(frame.data() + sizeof(std::int16_t))
                                : std::int16_t{-1};
  const Api* api = readable ? find_forwardable(key, version) : nullptr;
  if (api == nullptr) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kInvalidRequest, std::nullopt);
  }
  wire::Reader in(frame);
  wire::RequestHeader header;
  if (!wire::decode_request_header(header, in)) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kInvalidRequest, std::nullopt);
  }
  Request inner{
      .context = outer, .frame = frame, .body_from = in.position(), .share = request.share};
  inner.context.principal = *principal;
  inner.context.peer = {.host = *client};  // the Envelope has no port
  inner.context.client_id = header.client_id.value_or("");
  inner.context.api_key = api->key;
  inner.context.api_version = version;
  inner.context.correlation_id = header.correlation_id;
  Answer answered = co_await api->on_controller(shard, std::move(inner));
  if (!answered.frame) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kInvalidRequest, std::nullopt);
  }
  if (answered.not_controller) {
    co_return envelope_answer(shard, outer, wire::ErrorCode::kNotController, std::nullopt);
  }
  co_return envelope_answer(shard, outer, wire::ErrorCode::kNone, answered.frame->flatten());
}

}  // namespace moldau::broker
