// ClientConnection serves one connection: it reads frames, dispatches them to handlers and writes
// the answers in the order of the requests. A request starts when the one before it is done, as in
// Kafka, except that requests of pipelined APIs (Produce) overlap up to kPipelinedRequestsMax.
// Back-pressure is not reading: no further request is read while that many are unanswered, while
// more than kUnsentBytesMax of answers were not taken by the peer, or while the loop's AnswerBudget
// is full. Only the first bytes of one more request are read beside a request that others may not
// overlap: so a client that leaves is noticed while its long poll waits, which then ends. Malformed
// input closes the connection, with one line in the log. One loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "base/time.h"
#include "broker/api.h"
#include "broker/network/frame_reader.h"
#include "rt/net.h"
#include "rt/scope.h"
#include "rt/sync.h"

namespace moldau::broker {

class Shard;

inline constexpr std::size_t kPipelinedRequestsMax = 16;
// Answers that the peer has not taken; the last one may lie beyond it.
inline constexpr std::size_t kUnsentBytesMax = std::size_t{1} << 20;
// A peer that holds memory of the node (part of a frame, an answer) gets on by so much in so long,
// or it is cut off when memory is short.
inline constexpr std::size_t kProgressBytesMin = std::size_t{16} << 10;
inline constexpr base::Duration kStallMax = std::chrono::seconds(10);

class ClientConnection {
 public:
  ClientConnection(Shard& shard, const ListenerInfo& listener, rt::ConnectionPtr connection);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  ~ClientConnection();

  // Serves until the peer leaves, an error, or close(); returns when nothing is in flight any more.
  rt::Task<> run();
  void close();

  // What the Server sees when it looks, every few seconds.
  struct Look {
    base::Duration idle{0};  // since bytes last moved, in either direction
    bool stalls = false;     // the peer holds memory and does not get on
  };
  [[nodiscard]] Look look(base::Instant now);
  [[nodiscard]] const rt::Endpoint& peer() const { return connection_->peer(); }

 private:
  // One request, from its arrival until its answer is written.
  struct Slot {
    explicit Slot(FrameBudget::Share held) : share(std::move(held)) {}
    FrameBudget::Share share;
    bool ready = false;
    Answer answer;
    [[nodiscard]] std::size_t answer_bytes() const {
      return answer.frame ? answer.frame->size() : 0;
    }
  };

  rt::Task<> read_requests();
  // False when no other request will come.
  rt::Task<bool> request_alone_ends();
  rt::Task<> write_answers();
  // False when the connection has to be closed.
  rt::Task<bool> dispatch(Frame frame);
  rt::Task<> serve_alone(const Api& api, Request request, Slot& slot);
  rt::Task<> serve(const Api& api, Request request, Slot& slot);
  [[nodiscard]] bool is_full() const;
  rt::Task<> wait_for_room();
  rt::Task<bool> send_ready();
  rt::Task<bool> send_in_pieces(std::span<const base::Bytes> slices);
  void refuse(std::string_view why, std::int64_t detail);

  Shard* shard_;
  const ListenerInfo* listener_;
  rt::ConnectionPtr connection_;
  FrameReader frames_;
  std::deque<Slot> slots_;  // in order of arrival; references stay valid
  rt::Signal changed_;
  bool closing_ = false;
  std::size_t running_ = 0;    // slots without their answer
  bool alone_ = false;         // a request is served that others may not overlap
  base::Instant muted_until_;  // by quotas
  std::size_t unsent_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  // Of the last look() that saw bytes move, and of the last that saw enough of them.
  std::uint64_t moved_bytes_ = 0;
  base::Instant moved_at_;
  std::uint64_t progress_bytes_ = 0;
  base::Instant progress_at_;
  rt::Scope scope_;  // last: its frames use the members above
};

}  // namespace moldau::broker
