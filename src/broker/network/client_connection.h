// ClientConnection serves one connection: it reads frames, dispatches them to handlers and writes
// the answers in the order of the requests. A request starts when the one before it is done, as in
// Kafka, except that requests of pipelined APIs (Produce) overlap up to kPipelinedRequestsMax.
// Back-pressure is not reading. Malformed input closes the connection, with one line in the log.
// One loop.
#pragma once

#include <cstddef>
#include <deque>

#include "base/time.h"
#include "broker/api.h"
#include "broker/network/frame_reader.h"
#include "rt/net.h"
#include "rt/scope.h"
#include "rt/sync.h"

namespace moldau::broker {

class Shard;

inline constexpr std::size_t kPipelinedRequestsMax = 16;

class ClientConnection {
 public:
  ClientConnection(Shard& shard, const ListenerInfo& listener, rt::ConnectionPtr connection);

  // Serves until the peer leaves, an error, or close(); returns when nothing is in flight any more.
  rt::Task<> run();
  void close();

  // When bytes last moved or a request was last in progress.
  [[nodiscard]] base::Instant last_active() const { return last_active_; }
  [[nodiscard]] bool busy() const { return !slots_.empty(); }
  [[nodiscard]] const rt::Endpoint& peer() const { return connection_->peer(); }

 private:
  // One request, from its arrival until its answer is written.
  struct Slot {
    explicit Slot(FrameBudget::Share held) : share(std::move(held)) {}
    FrameBudget::Share share;
    bool ready = false;
    Answer answer;
  };

  rt::Task<> read_requests();
  rt::Task<> write_answers();
  // False when the connection has to be closed.
  rt::Task<bool> dispatch(Frame frame);
  rt::Task<> serve(const Api& api, Request request, Slot& slot);
  rt::Task<bool> send_ready();
  void refuse(std::string_view why, std::int64_t detail);

  Shard* shard_;
  const ListenerInfo* listener_;
  rt::ConnectionPtr connection_;
  FrameReader frames_;
  std::deque<Slot> slots_;  // in order of arrival; references stay valid
  rt::Signal changed_;
  bool closing_ = false;
  base::Instant last_active_;
  rt::Scope scope_;  // last: its frames use the members above
};

}  // namespace moldau::broker
