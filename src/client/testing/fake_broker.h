// FakeBroker answers a client's requests from memory on a loop of the simulated runtime: enough of
// a Kafka node to test the client against, with faults drawn from the loop's chance. It checks
// producer sequences as Kafka does, and takes any sequence from a producer that it does not know.
// For tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "record/batch.h"
#include "rt/net.h"
#include "rt/scope.h"
#include "rt/task.h"
#include "wire/error_code.h"
#include "wire/frame.h"
#include "wire/request_header.h"

namespace moldau::client::testing {

// Each in percent of the Produce and Fetch requests.
struct Faults {
  std::uint64_t lost_request = 0;  // the connection ends, nothing is done
  std::uint64_t lost_answer = 0;   // done, but the connection ends
  std::uint64_t refusal = 0;       // per partition: not the leader
  std::uint64_t slow = 0;          // answered late
};

class FakeBroker {
 public:
  struct Producer {
    base::ProducerEpoch epoch;
    std::deque<record::BatchHeader> recent;  // with their offsets
  };
  struct Partition {
    std::vector<record::StoredBatch> batches;
    base::Offset end{0};
    std::map<base::ProducerId, Producer> producers;
  };
  struct Topic {
    base::TopicId id;
    std::vector<Partition> partitions;
  };

  FakeBroker(rt::Loop& loop, rt::Endpoint endpoint)
      : loop_(&loop), endpoint_(endpoint), scope_(loop) {}

  rt::Task<bool> start();
  rt::Task<> stop();
  // Ends every connection, as a restart does.
  void drop_connections();

  Topic& add_topic(const std::string& name, std::size_t partitions);
  [[nodiscard]] Topic& topic(const std::string& name) { return topics_.at(base::TopicName(name)); }
  [[nodiscard]] std::size_t requests(wire::ApiKey key) const;

  Faults faults;
  std::int16_t api_versions_max = 4;
  bool silent = false;  // reads, and answers nothing
  std::int32_t message_bytes_max = 1 << 20;
  std::size_t largest_request_records = 0;

 private:
  using Answer = std::optional<base::ByteChain>;  // nothing: none is due

  rt::Task<> accept_all();
  rt::Task<> serve(std::shared_ptr<rt::Connection> connection);
  rt::Task<Answer> answer(wire::RequestHeader header, base::SharedBytes frame, std::size_t body);
  Answer api_versions(const wire::RequestHeader& header);
  template <class Request>
  std::optional<Request> read(const wire::RequestHeader& header, const base::SharedBytes& frame,
                              std::size_t body);
  Answer metadata(const wire::RequestHeader& header, const base::SharedBytes& frame,
                  std::size_t body);
  Answer init_producer_id(const wire::RequestHeader& header);
  Answer produce(const wire::RequestHeader& header, const base::SharedBytes& frame,
                 std::size_t body);
  Answer list_offsets(const wire::RequestHeader& header, const base::SharedBytes& frame,
                      std::size_t body);
  rt::Task<Answer> fetch(wire::RequestHeader header, base::SharedBytes frame, std::size_t body);
  std::pair<wire::ErrorCode, base::Offset> append(Partition& partition,
                                                  const base::ByteChain& records);
  static std::pair<wire::ErrorCode, std::optional<base::Offset>> check_sequence(
      const Partition& partition, const record::BatchHeader& header);
  Partition* find(const base::TopicName& name, base::TopicId id, base::PartitionIndex index);

  rt::Loop* loop_;
  rt::Endpoint endpoint_;
  rt::Scope scope_;
  std::unique_ptr<rt::Listener> listener_;
  std::vector<std::weak_ptr<rt::Connection>> connections_;
  std::map<base::TopicName, Topic> topics_;
  std::map<std::int16_t, std::size_t> requests_;
  std::int64_t next_producer_id_ = 1000;
};

}  // namespace moldau::client::testing
