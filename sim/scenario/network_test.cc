// The network layer of a whole broker, spoken to in frames: what is answered, in which order, what
// is closed and said in the log, and that no peer takes memory or places from the others.
#include <gtest/gtest.h>

#include "base/endian.h"
#include "record/builder.h"
#include "rt/sleep.h"
#include "sim/scenario/one_broker_test.h"
#include "wire/api_versions_request.h"
#include "wire/api_versions_response.h"
#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"
#include "wire/frame.h"
#include "wire/metadata_request.h"
#include "wire/produce_request.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::int16_t kMetadataVersion = 9;
constexpr std::int16_t kProduceVersion = 9;

// A connection to which bytes are written as they are.
class Raw {
 public:
  explicit Raw(rt::Loop& loop) : loop_(&loop) {}

  rt::Task<bool> connect(rt::Endpoint where = OneBroker::broker()) {
    auto connection = co_await loop_->net().connect(std::move(where), 10s, {});
    EXPECT_TRUE(connection.has_value());
    if (connection) connection_ = std::move(*connection);
    co_return connection.has_value();
  }
  rt::Task<bool> send(base::SharedBytes bytes) {
    co_return (co_await connection_->send(bytes.span())).has_value();
  }
  // The next answer without its size; nothing when the broker has closed.
  rt::Task<std::optional<base::SharedBytes>> answer() {
    const auto head = co_await receive(sizeof(std::int32_t));
    if (!head) co_return std::nullopt;
    co_return co_await receive(
        static_cast<std::size_t>(base::load_be<std::int32_t>(head->span().data())));
  }
  rt::Task<std::int32_t> answered_id() {
    const auto frame = co_await answer();
    co_return frame ? base::load_be<std::int32_t>(frame->span().data()) : -1;
  }
  void close() { connection_->close(); }

 private:
  rt::Task<std::optional<base::SharedBytes>> receive(std::size_t size) {
    base::ByteBuffer buffer(size);
    while (buffer.size() < size) {
      const std::size_t before = buffer.size();
      const auto count = co_await connection_->receive(buffer.extend(size - before));
      if (!count) co_return std::nullopt;
      buffer.shrink(before + *count);
    }
    co_return buffer.freeze();
  }

  rt::Loop* loop_;
  rt::ConnectionPtr connection_;
};

base::SharedBytes flat(const base::ByteChain& chain) {
  base::ByteBuffer buffer(chain.size());
  for (const auto& part : chain.parts()) buffer.append(part.span());
  return buffer.freeze();
}

template <class Request>
base::SharedBytes frame(const Request& request, std::int16_t version, std::int32_t id) {
  const auto made = wire::request_frame(request, version, base::CorrelationId(id), "test");
  EXPECT_TRUE(made.has_value());
  return flat(*made);
}

base::SharedBytes metadata(std::int32_t id) {
  return frame(wire::MetadataRequest{}, kMetadataVersion, id);
}

base::SharedBytes produce(std::int32_t id, const std::string& topic, std::int16_t acks,
                          std::size_t value_bytes = 10) {
  record::BatchBuilder builder({});
  const std::string value(value_bytes, 'v');
  EXPECT_TRUE(builder.add({.timestamp = base::Timestamp(1), .value = base::as_bytes(value)}));
  record::CodecContexts contexts;
  auto batch = builder.finish(contexts);
  EXPECT_TRUE(batch.has_value());
  wire::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = base::Milliseconds32(10'000);
  auto& data = request.topic_data.emplace_back();
  data.name = base::TopicName(topic);
  auto& part = data.partition_data.emplace_back();
  batch->append_to(part.records.emplace());
  return frame(request, kProduceVersion, id);
}

base::SharedBytes numbers(std::initializer_list<std::int16_t> values) {
  base::ByteBuffer buffer;
  for (const std::int16_t value : values) base::store_be(buffer.extend(2).data(), value);
  return buffer.freeze();
}

// A frame with this header and a body of a few bytes that mean nothing.
base::SharedBytes odd_frame(std::int16_t key, std::int16_t version) {
  // Size 12: key, version, correlation id 7, no client id, two bytes.
  return numbers({0, 12, key, version, 0, 7, -1, 0});
}

base::SharedBytes claim(std::int32_t size) {
  base::ByteBuffer buffer;
  base::store_be(buffer.extend(4).data(), size);
  return buffer.freeze();
}

void create_topic(OneBroker& node, const std::string& name) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = base::Milliseconds32(10'000);
  auto& topic = request.topics.emplace_back();
  topic.name = base::TopicName(name);
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  const auto answer = node.ask<wire::CreateTopicsResponse>(std::move(request));
  EXPECT_EQ(answer.topics.at(0).error_code, wire::ErrorCode::kNone);
}

void expect_served(OneBroker& node) {
  const auto answer =
      node.ask<wire::ApiVersionsResponse>(wire::ApiVersionsRequest{}, OneBroker::broker(), 0);
  EXPECT_EQ(answer.error_code, wire::ErrorCode::kNone);
}

// What the broker makes of these bytes: correlation ids of its answers until it closes.
rt::Task<std::vector<std::int32_t>> exchange(rt::Loop& loop, rt::Endpoint where,
                                             std::vector<base::SharedBytes> frames) {
  Raw raw(loop);
  std::vector<std::int32_t> ids;
  if (!co_await raw.connect(std::move(where))) co_return ids;
  for (const auto& bytes : frames) co_await raw.send(bytes);
  for (;;) {
    const std::int32_t id = co_await raw.answered_id();
    if (id < 0) break;
    ids.push_back(id);
  }
  co_return ids;
}

std::vector<std::int32_t> answers(OneBroker& node, std::vector<base::SharedBytes> frames,
                                  rt::Endpoint where = OneBroker::broker()) {
  return node.run(exchange(node.loop(), std::move(where), std::move(frames)));
}

using Ids = std::vector<std::int32_t>;

TEST(Network, AnswersKeepTheOrderOfTheRequests) {
  OneBroker node(1);
  create_topic(node, "t");
  // An unknown api at the end: what came before is answered, and then the connection is closed.
  EXPECT_EQ(answers(node, {metadata(1), produce(2, "t", -1), metadata(3), produce(4, "t", 1),
                           produce(5, "t", -1), metadata(6), odd_frame(10, 4)}),
            (Ids{1, 2, 3, 4, 5, 6}));
  EXPECT_NE(node.log().find("this listener does not serve api key 10"), std::string::npos);
}

TEST(Network, WhatIsNotServedClosesTheConnectionWithOneLine) {
  OneBroker node(2);
  EXPECT_EQ(answers(node, {odd_frame(3, 99)}), Ids{});
  EXPECT_NE(node.log().find("unsupported version of the api key; version 99"), std::string::npos);
  EXPECT_EQ(answers(node, {odd_frame(3, 8)}), Ids{});
  EXPECT_NE(node.log().find("malformed request, api key 3 version 8"), std::string::npos);
  EXPECT_EQ(answers(node, {claim(-1)}), Ids{});
  EXPECT_EQ(answers(node, {claim(104857601)}), Ids{});
  EXPECT_NE(node.log().find("socket.request.max.bytes 104857601"), std::string::npos);
  EXPECT_EQ(answers(node, {numbers({0, 1, 0x0300})}), Ids{});
  // Produce is for brokers, Vote for controllers.
  EXPECT_EQ(answers(node, {produce(1, "t", 1)}, OneBroker::controller()), Ids{});
  EXPECT_EQ(answers(node, {odd_frame(52, 1)}), Ids{});
  EXPECT_NE(node.log().find("on listener PLAINTEXT"), std::string::npos);
  expect_served(node);
}

rt::Task<wire::ErrorCode> newer_api_versions(rt::Loop& loop) {
  Raw raw(loop);
  co_await raw.connect();
  co_await raw.send(odd_frame(18, 99));
  const auto answer = co_await raw.answer();
  EXPECT_TRUE(answer.has_value());
  if (!answer) co_return wire::ErrorCode::kNone;
  wire::ApiVersionsResponse response;
  wire::Reader in(answer->slice(sizeof(std::int32_t)));
  EXPECT_TRUE(decode(response, 0, in).has_value());
  EXPECT_FALSE(response.api_keys.empty());
  co_return response.error_code;
}

TEST(Network, ApiVersionsFromTheFutureIsAnsweredInVersionZero) {
  OneBroker node(3);
  EXPECT_EQ(node.run(newer_api_versions(node.loop())), wire::ErrorCode::kUnsupportedVersion);
}

TEST(Network, AProduceWithoutAnswerThatFailsHangsUp) {
  OneBroker node(4);
  EXPECT_EQ(answers(node, {metadata(1), produce(2, "nowhere", 0), metadata(3)}), Ids{1});
}

// --- Time ---------------------------------------------------------------------------------------

rt::Task<base::Duration> time_until_closed(rt::Loop& loop, base::SharedBytes first) {
  Raw raw(loop);
  co_await raw.connect();
  const base::Instant from = loop.now();
  if (first.size() > 0) co_await raw.send(std::move(first));
  EXPECT_FALSE((co_await raw.answer()).has_value());
  co_return loop.now() - from;
}

TEST(Network, WhoIsSilentIsClosedAlsoWithinAFrame) {
  OneBroker node(5, {{"connections.max.idle.ms", "8000"}});
  for (const base::SharedBytes& first : {base::SharedBytes(), claim(1000)}) {
    const base::Duration lived = node.run(time_until_closed(node.loop(), first));
    EXPECT_GE(lived, 8s);
    EXPECT_LE(lived, 12s);
  }
}

rt::Task<std::int32_t> send_slowly(rt::Loop& loop, base::SharedBytes bytes) {
  Raw raw(loop);
  co_await raw.connect();
  for (std::size_t at = 0; at < bytes.size(); at += 4) {
    co_await raw.send(bytes.slice(at, std::min<std::size_t>(4, bytes.size() - at)));
    co_await rt::sleep_for(loop, 5s);
  }
  co_return co_await raw.answered_id();
}

// A frame that takes longer than the idle time was cut: only whole frames counted as activity.
TEST(Network, ASlowUploadIsNotIdle) {
  OneBroker node(6, {{"connections.max.idle.ms", "8000"}});
  EXPECT_EQ(node.run(send_slowly(node.loop(), metadata(7))), 7);
}

// --- Limits -------------------------------------------------------------------------------------

rt::Task<std::size_t> count_served(rt::Loop& loop, rt::Endpoint where, std::size_t count) {
  std::vector<std::unique_ptr<Raw>> open;
  std::size_t served = 0;
  for (std::size_t i = 0; i < count; ++i) {
    open.push_back(std::make_unique<Raw>(loop));
    co_await open.back()->connect(where);
    co_await open.back()->send(frame(wire::ApiVersionsRequest{}, 0, 1));
    if (co_await open.back()->answered_id() == 1) ++served;
  }
  co_return served;
}

TEST(Network, ConnectionLimitsCountClientsOnly) {
  OneBroker node(7, {{"max.connections", "5"}});
  EXPECT_EQ(node.run(count_served(node.loop(), OneBroker::broker(), 9)), 5U);
  // The node's own channel and other controllers were refused with the clients.
  EXPECT_EQ(node.run(count_served(node.loop(), OneBroker::controller(), 9)), 9U);
  node.world().run_for(20s);
  // Three lines at most for four refusals in a moment: one, here.
  const auto first = node.log().find("closing a new connection from");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(node.log().find("closing a new connection from", first + 1), std::string::npos);
}

TEST(Network, ConnectionLimitsMayChangeWhileTheNodeRuns) {
  OneBroker node(8);
  constexpr std::int8_t kBroker = 4;
  EXPECT_EQ(node.alter(kBroker, "", "max.connections.per.ip", "3").error_code,
            wire::ErrorCode::kNone);
  node.world().run_for(1s);
  EXPECT_EQ(node.run(count_served(node.loop(), OneBroker::broker(), 6)), 3U);
  // Held back to the rate: ten at once, and ten a second after that.
  OneBroker slow(9, {{"max.connection.creation.rate", "10"}});
  const base::Instant from = slow.world().now();
  EXPECT_EQ(slow.run(count_served(slow.loop(), OneBroker::broker(), 40)), 40U);
  EXPECT_GE(slow.world().now() - from, 2s);
}

// --- Memory -------------------------------------------------------------------------------------

struct Flood {
  std::size_t sent = 0;
  bool over = false;
};

rt::Task<> flood(rt::Loop& loop, std::size_t count, Flood& flood) {
  Raw raw(loop);
  co_await raw.connect();
  for (std::size_t i = 0; i < count; ++i) {
    if (!co_await raw.send(metadata(static_cast<std::int32_t>(i)))) break;
    ++flood.sent;
  }
  flood.over = true;
}

rt::Task<> start_flood(rt::Scope& scope, rt::Loop& loop, Flood& seen) {
  scope.spawn(flood(loop, 60'000, seen));
  co_return;
}

// The answers of a client that does not read grew without bound: 60,000 requests were taken.
TEST(Network, WhoDoesNotReadIsNotRead) {
  OneBroker node(10, {{"connections.max.idle.ms", "60000"}});
  for (int i = 0; i < 20; ++i) create_topic(node, "some-topic-with-a-name-" + std::to_string(i));
  Flood seen;
  rt::Scope scope(node.loop());
  node.run(start_flood(scope, node.loop(), seen));
  node.world().run_for(30s);
  EXPECT_FALSE(seen.over);
  EXPECT_LT(seen.sent, 12'000U);  // What the two windows and kUnsentBytesMax take.
  const std::size_t then = seen.sent;
  node.world().run_for(10s);
  EXPECT_EQ(seen.sent, then);
  expect_served(node);
  // It holds its place until it has been silent for too long, busy or not.
  node.world().run_for(60s);
  EXPECT_TRUE(seen.over);
  node.run(scope.join());
}

rt::Task<std::vector<std::unique_ptr<Raw>>> open_with(rt::Loop& loop, std::size_t count,
                                                      base::SharedBytes first) {
  std::vector<std::unique_ptr<Raw>> open;
  for (std::size_t i = 0; i < count; ++i) {
    open.push_back(std::make_unique<Raw>(loop));
    co_await open.back()->connect();
    co_await open.back()->send(first);
  }
  co_return open;
}

rt::Task<std::int32_t> produce_once(rt::Loop& loop, std::size_t value_bytes) {
  Raw raw(loop);
  co_await raw.connect();
  co_await raw.send(produce(5, "t", 1, value_bytes));
  co_return co_await raw.answered_id();
}

// 300 connections that claimed a megabyte each and sent four bytes kept everybody out.
TEST(Network, ClaimedSizesCostNothing) {
  OneBroker node(11);
  create_topic(node, "t");
  auto open = node.run(open_with(node.loop(), 300, claim(1 << 20)));
  const base::Instant from = node.world().now();
  expect_served(node);
  EXPECT_EQ(node.run(produce_once(node.loop(), 500'000)), 5);
  EXPECT_LT(node.world().now() - from, 5s);
}

// Peers that did send part of a large frame and then stop give way to those who wait.
TEST(Network, HalfSentFramesGiveWayToThoseWhoWait) {
  OneBroker node(
      12, {{"socket.request.max.bytes", "1048576"}, {"queued.max.request.bytes", "1048576"}});
  create_topic(node, "t");
  base::ByteBuffer half;
  base::store_be(half.extend(4).data(), std::int32_t{1} << 20);
  half.append(base::as_bytes(std::string(100'000, 'x')));
  auto open = node.run(open_with(node.loop(), 20, half.freeze()));
  node.world().run_for(1s);
  expect_served(node);  // Small requests never wait.
  const base::Instant from = node.world().now();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(node.run(produce_once(node.loop(), 500'000)), 5);
  EXPECT_LT(node.world().now() - from, 60s);
  EXPECT_NE(node.log().find("it holds memory that others wait for"), std::string::npos);
}

}  // namespace
}  // namespace moldau::sim
