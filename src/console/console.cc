#include "console/console.h"

#include <array>
#include <chrono>

#include "console/http.h"
#include "console/metrics.h"
#include "rt/sleep.h"

namespace moldau::console {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kAcceptRetryDelay = 100ms;
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

rt::Task<std::expected<void, std::string>> Console::start() {
  auto listener = co_await loop_->net().listen(endpoint_);
  if (!listener) {
    co_return std::unexpected("cannot serve HTTP on " + endpoint_.to_string() + ": " +
                              listener.error().to_string() +
                              "; set moldau.http.listener to another address, or empty for none");
  }
  listener_ = std::move(*listener);
  LOG_INFO(loop_->log(), "console", "metrics on http://{}/metrics", listener_->local().to_string());
  scope_.spawn(accept_loop());
  co_return {};
}

rt::Task<> Console::stop() {
  if (listener_ != nullptr) listener_->close();
  co_await scope_.stop_and_join();
}

rt::Task<> Console::accept_loop() {
  while (!scope_.stop_requested()) {
    auto connection = co_await listener_->accept(scope_.token());
    if (!connection) {
      co_await rt::sleep_for(*loop_, kAcceptRetryDelay, scope_.token());
      continue;
    }
    if (scope_.size() > kConnectionsMax) continue;  // Closed by its destructor.
    scope_.spawn(serve(std::move(*connection)));
  }
}

rt::Task<> Console::serve(rt::ConnectionPtr connection) {
  std::string head;
  HttpRequest request;
  HttpParse state = HttpParse::kNeedMore;
  while (state == HttpParse::kNeedMore && head.size() < kRequestBytesMax) {
    std::array<std::byte, 1024> piece;
    const auto count = co_await connection->receive(piece);
    if (!count) co_return;
    head += base::as_text(base::Bytes(piece).first(*count));
    state = parse_request(head, request);
  }
  std::string response;
  if (state != HttpParse::kDone) {
    response = http_response(400, kPlain, "This is not a request that can be read here.\n");
  } else if (request.method != "GET") {
    response = http_response(405, kPlain, "Only GET is served here.\n");
  } else {
    response = co_await respond(std::move(request.target));
  }
  // A peer that has gone does not want the answer.
  static_cast<void>(co_await connection->send(base::as_bytes(response)));
}

rt::Task<std::string> Console::respond(std::string target) {
  if (target == "/healthz") co_return http_response(200, kPlain, "ok\n");
  if (target == "/readyz") {
    co_return admin_->ready() ? http_response(200, kPlain, "ready\n")
                              : http_response(503, kPlain, "not ready: the node is starting\n");
  }
  if (target == "/metrics") {
    co_return http_response(200, kMetrics, metrics_text(*admin_, co_await admin_->snapshot()));
  }
  co_return http_response(404, kPlain, "Here are /metrics, /healthz and /readyz.\n");
}

}  // namespace moldau::console
