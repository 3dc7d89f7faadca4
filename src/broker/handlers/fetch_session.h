// Incremental fetch sessions (KIP-227): a client names its partitions once and then sends and
// receives only what changed. A session belongs to the loop whose connection made it; its id says
// nothing to another loop, which answers FETCH_SESSION_ID_NOT_FOUND so that the client starts a
// full fetch. The cache has a fixed number of slots; a session that was idle for
// kSessionEvictableAfter gives way to a new one, and when all are busy the client gets no session,
// which is always allowed. One loop. Source: server/.../FetchManager.java, FetchSession.java (4.4).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "wire/error_code.h"
#include "wire/fetch_request.h"
#include "wire/fetch_response.h"

namespace moldau::broker {

inline constexpr base::Duration kSessionEvictableAfter = std::chrono::seconds(120);
inline constexpr std::int32_t kInitialSessionEpoch = 0;
inline constexpr std::int32_t kFinalSessionEpoch = -1;

// One partition that a fetch asks for. Names or ids are filled as the request's version has them.
struct FetchTarget {
  base::TopicName topic;
  base::TopicId topic_id;
  base::PartitionIndex partition;
  base::LeaderEpoch current_leader_epoch{-1};
  base::Offset fetch_offset;
  base::LeaderEpoch last_fetched_epoch{-1};
  base::Offset log_start_offset{-1};
  std::int32_t bytes_max = 0;
  base::Offset known_high_watermark{0x7FFFFFFFFFFFFFFF};  // KIP-1166; the maximum: not told
};

class FetchSession {
 public:
  // A partition of the session and what the client last heard of it.
  struct Entry {
    FetchTarget target;
    base::Offset high_watermark{-1};
    base::Offset log_start_offset{-1};
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::vector<FetchTarget> targets() const;

  // Whether the answer for this partition says something new; remembers that it was said. A
  // partition that yields records moves to the end, so that all get their turn under a byte limit.
  bool is_news(const base::TopicName& topic, const base::TopicId& topic_id,
               const wire::FetchResponse::PartitionData& data);

 private:
  friend class FetchSessionCache;
  struct Key {
    base::TopicName topic;  // empty when the session uses ids
    base::TopicId topic_id;
    base::PartitionIndex partition;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  [[nodiscard]] Key key_of(const base::TopicName& topic, const base::TopicId& topic_id,
                           base::PartitionIndex partition) const;
  void put(FetchTarget target);
  void forget(const wire::FetchRequest& request);

  std::int32_t id_ = 0;
  std::int32_t next_epoch_ = 1;
  bool uses_topic_ids_ = false;
  base::Instant last_used_;
  Entries entries_;
  std::map<Key, Entries::iterator> by_key_;
};

// What a fetch request is about: all partitions to read, and the session to answer in, if any.
struct FetchPlan {
  std::vector<FetchTarget> targets;
  // The session whose answers leave out what is not news; 0: answer everything. Look it up anew
  // after an await: it may be gone.
  std::int32_t incremental = 0;
  // A full fetch that asks for a session.
  bool wants_session = false;
};

class FetchSessionCache {
 public:
  FetchSessionCache(std::size_t slots, base::Rng rng) : slots_(slots), rng_(rng) {}

  [[nodiscard]] std::expected<FetchPlan, wire::ErrorCode> plan(const wire::FetchRequest& request,
                                                               std::int16_t version,
                                                               base::Instant now);
  // Makes a session of a full fetch's partitions and what was answered; 0 when there is no room.
  std::int32_t create(const FetchPlan& plan, const wire::FetchResponse& response,
                      std::int16_t version, base::Instant now);
  [[nodiscard]] FetchSession* find(std::int32_t id);
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

 private:
  [[nodiscard]] bool make_room(base::Instant now);

  std::size_t slots_;
  base::Rng rng_;
  std::map<std::int32_t, FetchSession> sessions_;
};

// The partitions that a request names itself.
[[nodiscard]] std::vector<FetchTarget> targets_of(const wire::FetchRequest& request);
// From this version on topics are named by id.
inline constexpr std::int16_t kFetchTopicIdVersion = 13;

}  // namespace moldau::broker
