#include "console/console.h"

#include <array>
#include <chrono>

#include "console/http.h"
#include "console/metrics.h"
#include "rt/sleep.h"
#include "rt/timed_event.h"

namespace moldau::console {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kAcceptRetryDelay = 100ms;
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

// Closes the connection when the time is over, or when the token stops the wait: whoever waits for
// its peer then goes on.
rt::Task<> close_late(rt::TimedEvent& done, rt::Connection& connection, rt::StopToken token) {
  co_await done.wait(token);
  if (!done.happened()) connection.close();
}

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
  rt::TimedEvent done(*loop_, loop_->now() + kRequestTimeMax);
  rt::Scope closer(*loop_);
  closer.spawn(close_late(done, *connection, scope_.token()));
  co_await exchange(*connection);
  done.set();
  co_await closer.join();
}

rt::Task<> Console::exchange(rt::Connection& connection) {
  std::string head;
  HttpRequest request;
  HttpParse state = HttpParse::kNeedMore;
  while (state == HttpParse::kNeedMore && head.size() < kRequestBytesMax) {
    std::array<std::byte, 1024> piece;
    const auto count = co_await connection.receive(piece);
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
  static_cast<void>(co_await connection.send(base::as_bytes(response)));
}

rt::Task<std::string> Console::respond(std::string target) {
  if (target == "/healthz") co_return http_response(200, kPlain, "ok\n");
  if (target == "/readyz") co_return co_await readiness();
  if (target == "/metrics") {
    co_return http_response(200, kMetrics, metrics_text(*admin_, co_await admin_->snapshot()));
  }
  co_return http_response(404, kPlain, "Here are /metrics, /healthz and /readyz.\n");
}

rt::Task<std::string> Console::readiness() {
  if (!admin_->ready()) {
    co_return http_response(503, kPlain,
                            "not ready: the node is " + std::string(admin_->stage()) + "\n");
  }
  // Partitions are served as each becomes ready.
  const broker::NodeSnapshot node = co_await admin_->snapshot();
  std::size_t opening = 0;
  for (const auto& shard : node.shards) opening += shard.partitions_opening;
  std::string text = "ready";
  if (opening > 0) text += "; partitions that are still being opened: " + std::to_string(opening);
  co_return http_response(200, kPlain, text + "\n");
}

}  // namespace moldau::console
