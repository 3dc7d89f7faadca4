#include "client/testing/fake_broker.h"

#include <algorithm>
#include <array>

#include "base/endian.h"
#include "record/reader.h"
#include "rt/sleep.h"
#include "wire/api_versions_response.h"
#include "wire/fetch_request.h"
#include "wire/fetch_response.h"
#include "wire/init_producer_id_response.h"
#include "wire/list_offsets_request.h"
#include "wire/list_offsets_response.h"
#include "wire/metadata_request.h"
#include "wire/metadata_response.h"
#include "wire/produce_request.h"
#include "wire/produce_response.h"

namespace moldau::client::testing {
namespace {

constexpr base::BrokerId kBrokerId{7};
constexpr std::size_t kBatchesRemembered = 5;

template <class Response>
std::optional<base::ByteChain> framed(const Response& response, const wire::RequestHeader& header) {
  auto frame = wire::response_frame(response, header.request_api_version, header.correlation_id);
  return frame ? std::optional(std::move(*frame)) : std::nullopt;
}

rt::Task<std::optional<base::SharedBytes>> receive(rt::Connection& connection, std::size_t size) {
  base::ByteBuffer buffer;
  base::MutableBytes into = buffer.extend(size);
  while (!into.empty()) {
    const auto count = co_await connection.receive(into);
    if (!count) co_return std::nullopt;
    into = into.subspan(*count);
  }
  co_return buffer.freeze();
}

}  // namespace

rt::Task<bool> FakeBroker::start() {
  auto listener = co_await loop_->net().listen(endpoint_);
  if (!listener) co_return false;
  listener_ = std::move(*listener);
  scope_.spawn(accept_all());
  co_return true;
}

rt::Task<> FakeBroker::stop() {
  scope_.stop();
  listener_->close();
  drop_connections();
  co_await scope_.join();
}

void FakeBroker::drop_connections() {
  for (const auto& weak : connections_) {
    if (const auto connection = weak.lock()) connection->close();
  }
  connections_.clear();
}

FakeBroker::Topic& FakeBroker::add_topic(const std::string& name, std::size_t partitions) {
  Topic& topic = topics_[base::TopicName(name)];
  topic.id = base::TopicId(base::Uuid{.msb = 1, .lsb = 1000 + topics_.size()});
  topic.partitions.resize(partitions);
  return topic;
}

std::size_t FakeBroker::requests(wire::ApiKey key) const {
  const auto found = requests_.find(static_cast<std::int16_t>(key));
  return found == requests_.end() ? 0 : found->second;
}

rt::Task<> FakeBroker::accept_all() {
  for (;;) {
    auto connection = co_await listener_->accept(scope_.token());
    if (!connection) co_return;
    std::shared_ptr<rt::Connection> shared(std::move(*connection));
    connections_.push_back(shared);
    scope_.spawn(serve(std::move(shared)));
  }
}

rt::Task<> FakeBroker::serve(std::shared_ptr<rt::Connection> connection) {
  for (;;) {
    const auto prefix = co_await receive(*connection, sizeof(std::int32_t));
    if (!prefix) co_return;
    const auto size = static_cast<std::size_t>(base::load_be<std::int32_t>(prefix->data()));
    const auto frame = co_await receive(*connection, size);
    if (!frame) co_return;
    wire::Reader in(*frame);
    wire::RequestHeader header;
    if (!wire::decode_request_header(header, in)) break;
    ++requests_[header.request_api_key];
    if (silent) continue;
    const bool faulty =
        header.request_api_key == static_cast<std::int16_t>(wire::ApiKey::kProduce) ||
        header.request_api_key == static_cast<std::int16_t>(wire::ApiKey::kFetch);
    if (faulty && loop_->rng().chance(faults.lost_request, 100)) break;
    const auto response = co_await answer(header, *frame, in.position());
    if (faulty && loop_->rng().chance(faults.lost_answer, 100)) break;
    if (faulty && loop_->rng().chance(faults.slow, 100)) {
      co_await rt::sleep_for(*loop_, std::chrono::milliseconds(300), scope_.token());
    }
    if (!response) continue;
    std::vector<base::Bytes> slices;
    for (const auto& part : response->parts()) slices.push_back(part.span());
    if (!co_await connection->send(slices)) co_return;
  }
  connection->close();
}

rt::Task<FakeBroker::Answer> FakeBroker::answer(wire::RequestHeader header, base::SharedBytes frame,
                                                std::size_t body) {
  switch (static_cast<wire::ApiKey>(header.request_api_key)) {
    case wire::ApiKey::kApiVersions:
      co_return api_versions(header);
    case wire::ApiKey::kMetadata:
      co_return metadata(header, frame, body);
    case wire::ApiKey::kInitProducerId:
      co_return init_producer_id(header);
    case wire::ApiKey::kProduce:
      co_return produce(header, frame, body);
    case wire::ApiKey::kListOffsets:
      co_return list_offsets(header, frame, body);
    case wire::ApiKey::kFetch:
      co_return co_await fetch(header, frame, body);
    default:
      co_return std::nullopt;
  }
}

template <class Request>
std::optional<Request> FakeBroker::read(const wire::RequestHeader& header,
                                        const base::SharedBytes& frame, std::size_t body) {
  wire::Reader in(frame.slice(body));
  Request request;
  if (!decode(request, header.request_api_version, in)) return std::nullopt;
  return request;
}

FakeBroker::Answer FakeBroker::api_versions(const wire::RequestHeader& header) {
  wire::ApiVersionsResponse response;
  const auto serve_api = [&](wire::ApiKey key, std::int16_t max) {
    response.api_keys.push_back(
        {.api_key = static_cast<std::int16_t>(key), .min_version = 0, .max_version = max});
  };
  serve_api(wire::ApiKey::kApiVersions, api_versions_max);
  if (header.request_api_version > api_versions_max) {
    response.error_code = wire::ErrorCode::kUnsupportedVersion;
    const auto frame = wire::response_frame(response, 0, header.correlation_id);
    return frame ? std::optional(*frame) : std::nullopt;
  }
  serve_api(wire::ApiKey::kMetadata, wire::MetadataRequest::kStableVersion);
  serve_api(wire::ApiKey::kInitProducerId, 5);
  serve_api(wire::ApiKey::kProduce, wire::ProduceRequest::kStableVersion);
  serve_api(wire::ApiKey::kListOffsets, 9);
  serve_api(wire::ApiKey::kFetch, 17);
  return framed(response, header);
}

FakeBroker::Answer FakeBroker::metadata(const wire::RequestHeader& header,
                                        const base::SharedBytes& frame, std::size_t body) {
  const auto request = read<wire::MetadataRequest>(header, frame, body);
  if (!request) return std::nullopt;
  wire::MetadataResponse response;
  response.cluster_id = "fake";
  response.brokers.push_back(
      {.node_id = kBrokerId, .host = endpoint_.host, .port = endpoint_.port});
  const auto add = [&](const base::TopicName& name) {
    const auto found = topics_.find(name);
    wire::MetadataResponse::MetadataResponseTopic topic{.name = name};
    if (found == topics_.end()) {
      topic.error_code = wire::ErrorCode::kUnknownTopicOrPartition;
    } else {
      topic.topic_id = found->second.id;
      for (std::size_t i = 0; i < found->second.partitions.size(); ++i) {
        topic.partitions.push_back(
            {.partition_index = base::PartitionIndex(static_cast<std::int32_t>(i)),
             .leader_id = kBrokerId,
             .replica_nodes = {kBrokerId},
             .isr_nodes = {kBrokerId}});
      }
    }
    response.topics.push_back(std::move(topic));
  };
  if (!request->topics) {
    for (const auto& [name, topic] : topics_) add(name);
  } else {
    for (const auto& topic : *request->topics) add(topic.name.value_or(base::TopicName()));
  }
  return framed(response, header);
}

FakeBroker::Answer FakeBroker::init_producer_id(const wire::RequestHeader& header) {
  wire::InitProducerIdResponse response;
  response.producer_id = base::ProducerId(next_producer_id_++);
  response.producer_epoch = base::ProducerEpoch(0);
  return framed(response, header);
}

FakeBroker::Partition* FakeBroker::find(const base::TopicName& name, base::TopicId id,
                                        base::PartitionIndex index) {
  for (auto& [each, topic] : topics_) {
    if (each != name && topic.id != id) continue;
    const auto position = static_cast<std::size_t>(index.value());
    return position < topic.partitions.size() ? &topic.partitions[position] : nullptr;
  }
  return nullptr;
}

std::pair<wire::ErrorCode, std::optional<base::Offset>> FakeBroker::check_sequence(
    const Partition& partition, const record::BatchHeader& header) {
  const auto known = partition.producers.find(header.producer_id);
  if (!header.has_producer_id() || known == partition.producers.end()) return {};
  for (const record::BatchHeader& old : known->second.recent) {
    if (old.base_sequence == header.base_sequence &&
        old.last_sequence() == header.last_sequence()) {
      return {wire::ErrorCode::kNone, old.base_offset};
    }
  }
  const base::Sequence last = known->second.recent.back().last_sequence();
  if (header.base_sequence == record::next_sequence(last, 1)) return {};
  return {wire::ErrorCode::kOutOfOrderSequenceNumber, std::nullopt};
}

std::pair<wire::ErrorCode, base::Offset> FakeBroker::append(Partition& partition,
                                                            const base::ByteChain& records) {
  const auto view = record::BatchView::parse(records.flatten());
  if (!view || !view->check_crc()) return {wire::ErrorCode::kCorruptMessage, base::kNoOffset};
  if (view->size() > static_cast<std::size_t>(message_bytes_max)) {
    return {wire::ErrorCode::kMessageTooLarge, base::kNoOffset};
  }
  const auto [code, duplicate_of] = check_sequence(partition, view->header());
  if (code != wire::ErrorCode::kNone) return {code, base::kNoOffset};
  if (duplicate_of) return {wire::ErrorCode::kNone, *duplicate_of};
  record::StoredBatch batch = view->stored();
  batch.assign(partition.end, base::LeaderEpoch(0));
  partition.end = batch.header.next_offset();
  if (batch.header.has_producer_id()) {
    auto& recent = partition.producers[batch.header.producer_id].recent;
    recent.push_back(batch.header);
    if (recent.size() > kBatchesRemembered) recent.pop_front();
  }
  partition.batches.push_back(batch);
  return {wire::ErrorCode::kNone, batch.header.base_offset};
}

FakeBroker::Answer FakeBroker::produce(const wire::RequestHeader& header,
                                       const base::SharedBytes& frame, std::size_t body) {
  const auto request = read<wire::ProduceRequest>(header, frame, body);
  if (!request) return std::nullopt;
  wire::ProduceResponse response;
  for (const auto& topic : request->topic_data) {
    response.responses.push_back({.name = topic.name, .topic_id = topic.topic_id});
    for (const auto& data : topic.partition_data) {
      Partition* partition = find(topic.name, topic.topic_id, data.index);
      std::pair<wire::ErrorCode, base::Offset> result{wire::ErrorCode::kUnknownTopicOrPartition,
                                                      base::kNoOffset};
      if (partition != nullptr && loop_->rng().chance(faults.refusal, 100)) {
        result.first = wire::ErrorCode::kNotLeaderOrFollower;
      } else if (partition != nullptr) {
        result = append(*partition, *data.records);
      }
      response.responses.back().partition_responses.push_back(
          {.index = data.index, .error_code = result.first, .base_offset = result.second});
    }
  }
  return request->acks == 0 ? std::nullopt : framed(response, header);
}

FakeBroker::Answer FakeBroker::list_offsets(const wire::RequestHeader& header,
                                            const base::SharedBytes& frame, std::size_t body) {
  const auto request = read<wire::ListOffsetsRequest>(header, frame, body);
  if (!request) return std::nullopt;
  record::CodecContexts contexts;
  wire::ListOffsetsResponse response;
  for (const auto& topic : request->topics) {
    response.topics.push_back({.name = topic.name});
    for (const auto& asked : topic.partitions) {
      const Partition* partition = find(topic.name, {}, asked.partition_index);
      base::Offset offset = base::kNoOffset;
      if (asked.timestamp == base::Timestamp(-1)) offset = partition->end;
      if (asked.timestamp == base::Timestamp(-2)) offset = base::Offset(0);
      for (const record::StoredBatch& batch : partition->batches) {
        if (asked.timestamp < base::Timestamp(0) || offset >= base::Offset(0)) break;
        const auto view = record::BatchView::parse(batch.flatten());
        const auto found =
            record::find_by_timestamp(*view, asked.timestamp, base::Offset(0), contexts);
        if (found && *found) offset = (*found)->offset;
      }
      response.topics.back().partitions.push_back(
          {.partition_index = asked.partition_index, .offset = offset});
    }
  }
  return framed(response, header);
}

rt::Task<FakeBroker::Answer> FakeBroker::fetch(wire::RequestHeader header, base::SharedBytes frame,
                                               std::size_t body) {
  const auto request = read<wire::FetchRequest>(header, frame, body);
  if (!request) co_return std::nullopt;
  wire::FetchResponse response;
  bool any = false;
  for (const auto& topic : request->topics) {
    response.responses.push_back({.topic = topic.topic, .topic_id = topic.topic_id});
    for (const auto& asked : topic.partitions) {
      const Partition* partition = find(topic.topic, topic.topic_id, asked.partition);
      wire::FetchResponse::PartitionData data{.partition_index = asked.partition};
      data.records.emplace();
      if (partition == nullptr || loop_->rng().chance(faults.refusal, 100)) {
        data.error_code = wire::ErrorCode::kNotLeaderOrFollower;
      } else if (asked.fetch_offset > partition->end || asked.fetch_offset < base::Offset(0)) {
        data.error_code = wire::ErrorCode::kOffsetOutOfRange;
      } else {
        data.high_watermark = partition->end;
        for (const record::StoredBatch& batch : partition->batches) {
          if (batch.header.last_offset() < asked.fetch_offset) continue;
          if (data.records->size() > static_cast<std::size_t>(asked.partition_max_bytes)) break;
          batch.append_to(*data.records);
          any = true;
        }
      }
      any = any || data.error_code != wire::ErrorCode::kNone;
      response.responses.back().partitions.push_back(std::move(data));
    }
  }
  if (!any) co_await rt::sleep_for(*loop_, request->max_wait_ms, scope_.token());
  co_return framed(response, header);
}

}  // namespace moldau::client::testing
