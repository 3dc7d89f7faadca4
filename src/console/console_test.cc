// The console over the simulated network: what it answers, and that no peer can hold it up.
#include "console/console.h"

#include <gtest/gtest.h>

#include "console/http.h"
#include "console/metrics.h"
#include "rt/sleep.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::console {
namespace {

using namespace std::chrono_literals;

class FakeAdmin final : public broker::Admin {
 public:
  rt::Task<broker::NodeSnapshot> snapshot() override { co_return node; }
  [[nodiscard]] bool ready() const override { return is_ready; }
  [[nodiscard]] std::string_view stage() const override { return "recovering its logs"; }
  [[nodiscard]] std::string_view api_name(std::int16_t) const override { return "Produce"; }

  bool is_ready = false;
  broker::NodeSnapshot node;
};

class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest() {
    const auto started = sim::run_task(world_, server_.loop(0), console_.start());
    EXPECT_TRUE(started.has_value());
  }
  ~ConsoleTest() override {
    if (!stopped_) stop();
  }
  void stop() {
    stopped_ = true;
    sim::run_task(world_, server_.loop(0), console_.stop());
  }

  static rt::Task<rt::ConnectionPtr> connect(rt::Loop& loop, std::string host) {
    auto connection = co_await loop.net().connect({.host = std::move(host), .port = 9644}, 5s, {});
    EXPECT_TRUE(connection.has_value());
    co_return std::move(*connection);
  }
  static rt::Task<std::string> read_all(rt::Connection& connection) {
    std::string text;
    std::array<std::byte, 512> piece;
    for (;;) {
      const auto count = co_await connection.receive(piece);
      if (!count) co_return text;
      text += base::as_text(base::Bytes(piece).first(*count));
    }
  }
  static rt::Task<std::string> exchange(rt::Loop& loop, std::string host, std::string request) {
    const auto connection = co_await connect(loop, std::move(host));
    co_await connection->send(base::as_bytes(request));
    co_return co_await read_all(*connection);
  }

  std::string ask(std::string request) {
    return sim::run_task(world_, client_.loop(0),
                         exchange(client_.loop(0), server_.address(), std::move(request)));
  }
  std::string get(const std::string& target) { return ask("GET " + target + " HTTP/1.1\r\n\r\n"); }
  rt::ConnectionPtr silent() {
    return sim::run_task(world_, client_.loop(0), connect(client_.loop(0), server_.address()));
  }

  sim::Simulation world_{{.seed = 1}};
  sim::Node& server_ = world_.add_node({});
  sim::Node& client_ = world_.add_node({});
  FakeAdmin admin_;
  Console console_{admin_, server_.loop(0), {.host = "", .port = 9644}};
  bool stopped_ = false;
};

TEST_F(ConsoleTest, SaysWhatAStartIsAt) {
  EXPECT_TRUE(get("/healthz").starts_with("HTTP/1.1 200 "));
  const std::string starting = get("/readyz");
  EXPECT_TRUE(starting.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(starting.ends_with("not ready: the node is recovering its logs\n"));
  admin_.is_ready = true;
  EXPECT_TRUE(get("/readyz").ends_with("\r\n\r\nready\n"));
  admin_.node.shards.resize(2);
  admin_.node.shards[1].partitions_opening = 7;
  EXPECT_TRUE(get("/readyz").ends_with("partitions that are still being opened: 7\n"));
}

TEST_F(ConsoleTest, ServesMetrics) {
  admin_.node.node_id = base::BrokerId(5);
  admin_.node.lifecycle = "running";
  admin_.node.shards.resize(1);
  admin_.node.shards[0].requests.count(wire::ApiKey::kProduce, 100us);
  const std::string text = get("/metrics");
  EXPECT_NE(text.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(text.find("moldau_node_info{node_id=\"5\",cluster_id=\"\",state=\"running\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("moldau_request_seconds_count{api=\"Produce\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("le=\"0.000128\"} 1\n"), std::string::npos);
}

TEST_F(ConsoleTest, RefusesWhatItDoesNotServe) {
  EXPECT_TRUE(get("/nothing").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(
      ask("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(ask("what is this\r\n\r\n").starts_with("HTTP/1.1 400 "));
  const std::string endless = "GET /" + std::string(2 * kRequestBytesMax, 'a');
  EXPECT_TRUE(ask(endless).starts_with("HTTP/1.1 400 "));
}

// A silent connection kept the node from stopping, and 64 of them switched the console off.
TEST_F(ConsoleTest, SilentConnectionsEnd) {
  std::vector<rt::ConnectionPtr> open;
  for (std::size_t i = 0; i < kConnectionsMax + 5; ++i) open.push_back(silent());
  world_.run_for(kRequestTimeMax + 1s);
  EXPECT_TRUE(get("/healthz").starts_with("HTTP/1.1 200 "));
}

TEST_F(ConsoleTest, StopWaitsForNobody) {
  const rt::ConnectionPtr connection = silent();
  world_.run_for(100ms);
  const base::Instant from = world_.now();
  stop();
  EXPECT_LT(world_.now() - from, 1s);
}

}  // namespace
}  // namespace moldau::console
