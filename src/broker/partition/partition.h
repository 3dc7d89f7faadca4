// Partition is a replica that this broker holds: the pure replica core and the log, pumped together
// on the loop that owns it. It turns requests into steps and appends, and what the core decides
// into answers, log calls and AlterPartition requests; it takes no decision of its own. Appends of
// one partition happen in the order of their calls, also when one has to wait. Lives until the host
// removes it, which first stops it: whatever waits is answered.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "config/topic_config.h"
#include "metadata/image.h"
#include "record/compression.h"
#include "record/validate.h"
#include "replica/replica.h"
#include "rt/sync.h"
#include "rt/timed_event.h"
#include "storage/log_store.h"
#include "wire/error_code.h"

namespace moldau::broker {

class Partition;

// Produce requests on this loop that are answered together: the event is set when none is parked.
struct ProduceWait {
  explicit ProduceWait(rt::Loop& loop) : done(loop) {}
  rt::Event done;
  std::size_t parked = 0;
};

struct ProduceOutcome {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  std::string message;
  std::vector<record::RecordError> record_errors;
  base::Offset base_offset{-1};
  base::Timestamp log_append_time{-1};
  base::Offset log_start_offset{-1};
  base::BrokerId leader{-1};  // with kNotLeaderOrFollower: where to go instead (KIP-951)
  base::LeaderEpoch leader_epoch{-1};
};

struct ProduceTerms {
  std::int16_t acks = -1;
  base::Instant deadline = base::kNever;
  bool zstd_allowed = true;
  // The wall clock when the tickets were taken: append times follow the order of the tickets,
  // however long a batch is validated.
  base::Timestamp arrived{0};
};

using Validation = std::expected<record::Validated, record::Refusal>;

// The records of one partition, or what became of them when they were validated ahead of their
// turn. The job fills `ahead` in; produce() waits for it.
struct ValidationAhead {
  explicit ValidationAhead(rt::Loop& loop) : done(loop) {}
  rt::Event done;
  std::optional<Validation> result;
};
struct ProduceInput {
  base::SharedBytes records;
  ValidationAhead* ahead = nullptr;
};

// A produce that is parked in the replica core; its address is the core's token.
struct ParkedProduce {
  ProduceWait* wait = nullptr;
  ProduceOutcome* outcome = nullptr;
};

// A fetch that waits for more records. In the partition's list until it is woken or leaves.
class FetchWatch {
 public:
  explicit FetchWatch(rt::TimedEvent& event) : event_(&event) {}
  FetchWatch(const FetchWatch&) = delete;
  FetchWatch& operator=(const FetchWatch&) = delete;
  ~FetchWatch() { leave(); }
  void leave();

 private:
  friend class Partition;
  rt::TimedEvent* event_;
  Partition* partition_ = nullptr;
  FetchWatch* before_ = nullptr;
  FetchWatch* after_ = nullptr;
};

struct ReadTerms {
  replica::FetchPosition position;
  std::size_t bytes_max = 0;
  bool at_least_one_batch = false;
};

struct ReadOutcome {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  replica::FetchDecision decision;
  base::ByteChain records;
  base::Offset next_offset{-1};  // where to go on; below decision.upto: the limits hold more back
  std::optional<std::vector<logstate::AbortedTxn>> aborted;  // for read_committed
  base::BrokerId leader{-1};
  base::LeaderEpoch leader_epoch{-1};
};

class Shard;

class Partition final : public storage::LogListener {
 public:
  Partition(Shard& shard, base::TopicIdPartition id, base::TopicName topic,
            std::shared_ptr<const config::TopicConfig> config);
  ~Partition() override;

  [[nodiscard]] const base::TopicIdPartition& id() const { return id_; }
  [[nodiscard]] const base::TopicName& topic() const { return topic_; }
  // Null until the log is open (recovery is going on), and after it failed to open.
  [[nodiscard]] storage::Log* log() const { return log_; }
  [[nodiscard]] bool is_leader() const { return replica_ && replica_->is_leader(); }
  [[nodiscard]] const replica::Replica* replica() const { return replica_ ? &*replica_ : nullptr; }
  [[nodiscard]] const config::TopicConfig& config() const { return *config_; }

  // The log is open; from now on the partition serves.
  void opened(storage::Log& log);
  // The log cannot be opened: requests get kKafkaStorageError.
  void failed_to_open();
  // Lets go of the log, which is about to be removed or closed. Stopped partitions only.
  void detach();
  // Requests that came while the log was being opened go on.
  void opening_done();
  rt::Task<> wait_open();
  // What the metadata says of it; before opened() without effect (the host says it again).
  void set_registration(const metadata::Partition& registration);
  void set_config(std::shared_ptr<const config::TopicConfig> config);
  // Answers everything that waits with `error`, wakes all readers; the partition is then about to
  // go.
  void stop(wire::ErrorCode error);

  // While a task uses the partition across an await it keeps it busy; whoever removes the partition
  // awaits idle() before it lets go.
  class Use {
   public:
    explicit Use(Partition& partition) : partition_(&partition) { ++partition.users_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (--partition_->users_ == 0) partition_->unused_.notify_all();
    }

   private:
    Partition* partition_;
  };
  rt::Task<> idle();

  // A place in the order of appends. A request takes one for each of its partitions before it waits
  // for anything, so that two requests of one producer cannot overtake each other anywhere. Each
  // ticket must be used by one produce().
  [[nodiscard]] std::uint64_t take_append_ticket() { return next_ticket_++; }
  // Whether checking these records is more than a loop should do at a stretch.
  [[nodiscard]] bool validates_off_loop(const base::SharedBytes& records) const;
  // The checks that need no log. May begin before the ticket's turn has come.
  rt::Task<Validation> validate(base::SharedBytes records, ProduceTerms terms);
  // Appends when its turn has come. The outcome is final when it has an error or acks is 0; else
  // `parked` is parked and released by the core, into `wait`.
  rt::Task<> produce(std::uint64_t ticket, ProduceInput input, ProduceTerms terms,
                     ParkedProduce& parked);
  // The same at once. False, with nothing done, when it takes a produce(): something has to be
  // waited for.
  [[nodiscard]] bool try_produce(std::uint64_t ticket, const base::SharedBytes& records,
                                 const ProduceTerms& terms, ParkedProduce& parked);

  // The controller's answer to what the core asked of it.
  void altered(const replica::AlterPartitionAnswer& answer);

  rt::Task<ReadOutcome> read(ReadTerms terms);
  // The same at once; nothing when it takes a read(): the disk, or the log's state, is needed.
  [[nodiscard]] std::optional<ReadOutcome> try_read(const ReadTerms& terms);
  // Where readers of that isolation end; -1 while it does not serve.
  [[nodiscard]] base::Offset readable_end(bool committed) const;
  // Wakes the fetch when there is something new: a moved high watermark or log end, a new role.
  void watch(FetchWatch& watch);

  // For requests that look at the log: kNone when it may be read by such a request.
  [[nodiscard]] wire::ErrorCode check_read(base::LeaderEpoch current_leader_epoch) const;

  // storage::LogListener
  void durable_end_moved(storage::Log& log, base::Offset durable_end) override;
  void log_failed(storage::Log& log, const storage::Error& error) override;

 private:
  friend class FetchWatch;
  struct Ticker;

  [[nodiscard]] base::Instant now() const;
  void apply(const replica::Output& output);
  void rearm();
  void wake_watches();
  [[nodiscard]] record::ValidateOptions validate_options(const ProduceTerms& terms) const;
  [[nodiscard]] Validation validate_here(const base::SharedBytes& records,
                                         const record::ValidateOptions& options);
  rt::Task<> produce_in_turn(ProduceInput input, ProduceTerms terms, ParkedProduce& parked);
  // False, with the outcome filled in, when nothing may be appended.
  rt::Task<bool> ready_to_append(const ProduceTerms& terms, ProduceOutcome& outcome);
  [[nodiscard]] bool may_append(const ProduceTerms& terms, ProduceOutcome& outcome) const;
  void append(Validation validation, const ProduceTerms& terms, ParkedProduce& parked);
  void park(const storage::AppendInfo& info, const ProduceTerms& terms, ParkedProduce& parked);
  void next_turn();
  // What a read needs of the disk; nothing when `outcome` is complete without it.
  [[nodiscard]] std::optional<storage::ReadRequest> check_read_terms(const ReadTerms& terms,
                                                                     ReadOutcome& outcome) const;

  Shard* shard_;
  base::TopicIdPartition id_;
  base::TopicName topic_;
  std::shared_ptr<const config::TopicConfig> config_;
  storage::Log* log_ = nullptr;
  bool opening_ = true;
  bool failed_ = false;
  std::optional<replica::Replica> replica_;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t serving_ticket_ = 0;
  rt::Signal turn_;
  std::size_t users_ = 0;
  rt::Signal unused_;
  FetchWatch* watches_ = nullptr;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace moldau::broker
