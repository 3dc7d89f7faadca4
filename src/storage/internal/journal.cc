#include "storage/internal/journal.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/result.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "storage/internal/random_id.h"

namespace moldau::storage::internal {

namespace {

constexpr std::size_t kRegionBytesMin = std::size_t{64} << 10;
constexpr std::size_t kRegionBytesMax = std::size_t{8} << 20;
constexpr std::size_t kRegionsWanted = 16;
// Ready with so many slots; more are written before anybody needs them.
constexpr std::size_t kSlotsToBeReady = 2;
constexpr std::size_t kSlotsAtStart = 4;
// What one write takes at most, over all loops.
constexpr std::size_t kRoundBytesMax = std::size_t{8} << 20;
constexpr base::Duration kRetryDelay = std::chrono::seconds(1);
// A note waits for room so long, looking so often: only a log that cannot be synced keeps it full.
constexpr base::Duration kNoteWaitMax = std::chrono::seconds(30);
constexpr base::Duration kNotePause = std::chrono::milliseconds(20);

std::size_t region_bytes_for(std::size_t bytes_max) {
  constexpr std::size_t kPage = 4096;
  const std::size_t wanted = bytes_max / kRegionsWanted / kPage * kPage;
  return std::clamp(wanted, kRegionBytesMin, kRegionBytesMax);
}

}  // namespace

Journal::Journal(rt::Loop& loop, JournalOptions options)
    : loop_(&loop),
      options_(std::move(options)),
      header_mutex_(loop),
      free_mutex_(loop),
      submitted_(loop),
      finished_(loop),
      space_changed_(loop),
      scope_(loop),
      freeing_(std::in_place, loop) {
  header_.directory_id = options_.directory_id;
  header_.region_bytes = static_cast<std::uint32_t>(region_bytes_for(options_.bytes_max));
}

Journal::~Journal() = default;

std::string Journal::path() const { return options_.directory + "/" + std::string(kJournalName); }

std::uint64_t Journal::slot_position(std::size_t slot) const {
  return kJournalSlotsStart + std::uint64_t{slot} * header_.region_bytes;
}

rt::Task<Result<void>> Journal::open() {
  auto file = co_await loop_->disk().open(path(), rt::OpenMode::kReadWrite);
  if (!file && file.error().code == rt::IoErrorCode::kNotFound) co_return Result<void>();
  if (!file) co_return io_error("open", path(), file.error());
  file_ = std::move(*file);
  std::string damage;
  for (const std::uint64_t position : {std::uint64_t{0}, kJournalHeaderSpacing}) {
    base::ByteBuffer buffer(kJournalHeaderBytes);
    const auto count =
        co_await loop_->disk().read_at(file_, position, buffer.extend(kJournalHeaderBytes));
    if (!count) co_return io_error("read", path(), count.error());
    buffer.shrink(*count);
    const auto header = decode_journal_header(buffer.span());
    if (!header) damage = header.error();
    if (header && (!found_.has_value() || header->counter > found_->counter)) found_ = *header;
  }
  CO_TRY(check_version());
  if (found_.has_value()) {
    damage.clear();
    header_.region_bytes =
        std::clamp<std::uint32_t>(found_->region_bytes, kRegionBytesMin, std::uint32_t{1} << 30);
  }
  // Of our own regions no two share a block.
  if (header_.region_bytes % rt::kDirectBlockBytes == 0) loop_->disk().write_directly(file_);
  const auto size = co_await loop_->disk().size(file_);
  if (!size) co_return io_error("look at", path(), size.error());
  slot_count_ = *size <= kJournalSlotsStart
                    ? 0
                    : static_cast<std::size_t>((*size - kJournalSlotsStart) / header_.region_bytes);
  // A crash while the file was made: it never held an entry.
  if (slot_count_ == 0 || damage.empty()) co_return Result<void>();
  co_return error(ErrorCode::kKafkaStorageError,
                  path() + " cannot be used: " + damage +
                      "; acknowledged records may be nowhere else. Restore the file, or remove it "
                      "to go on without what only it holds");
}

// Of a later version nothing but the beginning of its header is understood.
Result<void> Journal::check_version() {
  if (!found_.has_value() || found_->version == kJournalVersion) return {};
  const std::string version = std::to_string(found_->version);
  if (!found_->sealed) {
    return error(ErrorCode::kKafkaStorageError,
                 path() + " has format version " + version + ", and this program knows " +
                     std::to_string(kJournalVersion) +
                     "; acknowledged records may be nowhere else. Start the later version of "
                     "Moldau on this directory and stop it cleanly first");
  }
  found_->version = kJournalVersion;  // Nothing counts in it: it is made anew.
  return {};
}

void Journal::become_writer(const JournalEvidence& evidence) {
  header_.sealed = false;
  header_.incarnation = evidence.incarnation;
  header_.broker_epoch = evidence.latest_registration.has_value()
                             ? evidence.latest_registration->epoch
                             : base::kNoBrokerEpoch;
  header_.quorum_epoch = std::max(header_.quorum_epoch, evidence.quorum_epoch);
  slot_count_max_ =
      std::max(kSlotsToBeReady, std::max(slot_count_, options_.bytes_max / header_.region_bytes));
  submission_bytes_max_.store(
      std::min(kRoundBytesMax, (header_.region_bytes - kRegionHeaderBytes) / 2),
      std::memory_order_release);
  scope_.spawn(run());
  freeing_->spawn(recycle());
}

rt::Task<Result<void>> Journal::discard(JournalEvidence evidence) {
  const std::uint64_t counter = found_.has_value() ? found_->counter : 0;
  header_.counter = counter;
  header_.journal_id = random_id(*loop_);
  header_.quorum_epoch = evidence.quorum_epoch;
  for (std::size_t slot = 0; slot < slot_count_; ++slot) free_slots_.push_back(slot);
  become_writer(evidence);
  if (file_ == nullptr) co_return Result<void>();
  co_return co_await write_header();
}

rt::Task<Result<void>> Journal::adopt(JournalEvidence evidence, AdoptedRegions adopted) {
  ASSERT(found_.has_value());
  header_ = *found_;
  header_.directory_id = options_.directory_id;
  std::vector<bool> taken(slot_count_, false);
  for (const auto& [number, slot] : adopted.regions) {
    live_.push_back({.number = number, .slot = slot});
    taken[slot] = true;
  }
  for (std::size_t slot = 0; slot < slot_count_; ++slot) {
    if (!taken[slot]) free_slots_.push_back(slot);
  }
  next_region_ = adopted.next_region;
  next_entry_ = adopted.next_entry;
  adopted_upto_ = adopted.next_region;
  touched_ = std::move(adopted.touched);
  has_content_ = true;
  become_writer(evidence);
  co_return co_await write_header();
}

rt::Task<Result<void>> Journal::write_header() {
  auto guard = co_await header_mutex_.lock();
  if (file_ == nullptr || gone_) co_return Result<void>();
  ++header_.counter;
  const base::SharedBytes bytes = encode_journal_header(header_);
  const std::uint64_t position = header_.counter % 2 == 0 ? 0 : kJournalHeaderSpacing;
  const auto written = co_await loop_->disk().write_at(file_, position, bytes.span());
  if (!written) co_return io_error("write", path(), written.error());
  const auto synced = co_await loop_->disk().sync(file_);
  if (!synced) co_return io_error("sync", path(), synced.error());
  co_return Result<void>();
}

// --- Preparing ------------------------------------------------------------------------------

void Journal::start(bool writing) {
  writing_ = writing;
  if (writing) {
    scope_.spawn(prepare());
  } else if (has_content_) {
    scope_.spawn(drain_and_seal());
  }
  update_ready();
}

rt::Task<Result<void>> Journal::create_file() {
  auto file = co_await loop_->disk().open(path(), rt::OpenMode::kCreateTruncate);
  if (!file) co_return io_error("create", path(), file.error());
  file_ = std::move(*file);
  loop_->disk().write_directly(file_);
  CO_TRY(co_await write_header());
  const auto listed = co_await loop_->disk().sync_directory(options_.directory);
  if (!listed) co_return io_error("sync", options_.directory, listed.error());
  co_return Result<void>();
}

// Writes a slot once, so that later syncs have neither blocks to allocate nor a size to change.
rt::Task<Result<void>> Journal::prepare_slot() {
  constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
  const std::size_t slot = slot_count_;
  const std::uint64_t from = slot_position(slot);
  const auto reserved =
      co_await loop_->disk().preallocate(file_, from, header_.region_bytes, false);
  if (!reserved) co_return io_error("reserve space for", path(), reserved.error());
  base::ByteBuffer zeros(std::min<std::size_t>(kChunkBytes, header_.region_bytes));
  std::ranges::fill(zeros.extend(zeros.capacity()), std::byte{0});
  for (std::size_t done = 0; done < header_.region_bytes;) {
    const std::size_t size = std::min<std::size_t>(zeros.size(), header_.region_bytes - done);
    const auto written =
        co_await loop_->disk().write_at(file_, from + done, zeros.span().first(size));
    if (!written) co_return io_error("write", path(), written.error());
    const auto synced = co_await loop_->disk().sync(file_);
    if (!synced) co_return io_error("sync", path(), synced.error());
    done += size;
  }
  ++slot_count_;
  free_slots_.push_back(slot);
  co_return Result<void>();
}

rt::Task<> Journal::prepare() {
  Result<void> outcome;
  if (file_ == nullptr) outcome = co_await create_file();
  const std::size_t wanted = std::min(kSlotsAtStart, slot_count_max_);
  while (outcome && slot_count_ < wanted && !scope_.stop_requested()) {
    outcome = co_await prepare_slot();
    if (outcome && slot_count_ >= kSlotsToBeReady) update_ready();
  }
  if (!outcome) stop_growing(outcome.error());
  prepared_ = true;
  update_ready();
  space_changed_.notify_all();
}

rt::Task<> Journal::drain_and_seal() {
  while (!scope_.stop_requested() && !failed_) {
    if (co_await drain()) {
      header_.sealed = true;
      const auto written = co_await write_header();
      if (!written) fail(written.error());
      if (written) has_content_ = false;
      break;
    }
    co_await rt::sleep_for(*loop_, kRetryDelay, scope_.token());
  }
  space_changed_.notify_all();
}

// --- Rounds -----------------------------------------------------------------------------------

rt::Task<JournalReceipt> Journal::submit(JournalSubmission submission) {
  Waiting waiting{.submission = submission, .receipt = {}, .done = false};
  queue_.push_back(&waiting);
  submitted_.notify_one();
  while (!waiting.done) co_await finished_.wait();
  co_return waiting.receipt;
}

rt::Task<JournalReceipt> Journal::commit(JournalSubmission submission) {
  if (!ready()) co_return JournalReceipt{};
  co_return co_await submit(submission);
}

void Journal::finish(Waiting& waiting, bool durable) {
  waiting.receipt.durable = durable;
  waiting.done = true;
  finished_.notify_all();
}

rt::Task<> Journal::run() {
  while (!scope_.stop_requested()) {
    if (queue_.empty()) {
      co_await submitted_.wait(scope_.token());
      continue;
    }
    take_round();
    if (round_.empty()) continue;
    const rt::FileRef file = file_;
    const auto synced = co_await loop_->disk().write_and_sync(file, round_position_, slices_);
    if (!synced) fail(io_error("write or sync", path(), synced.error()).error());
    for (Waiting* waiting : round_) finish(*waiting, synced.has_value());
  }
}

// Fills round_ and slices_ from the queue; what cannot be taken is refused.
void Journal::take_round() {
  round_.clear();
  slices_.clear();
  round_bytes_ = 0;
  while (!queue_.empty()) {
    Waiting& waiting = *queue_.front();
    const std::size_t bytes = waiting.submission.bytes;
    const bool fits = region_open_ && region_used_ + bytes <= header_.region_bytes;
    if (!fits && !round_.empty()) break;  // A round lies within one region.
    if (round_bytes_ > 0 && round_bytes_ + bytes > kRoundBytesMax) break;
    queue_.pop_front();
    if (failed_ || (!fits && !make_room(bytes))) {
      finish(waiting, false);
    } else {
      add_to_round(waiting);
    }
  }
}

bool Journal::make_room(std::size_t bytes) {
  region_open_ = false;
  space_changed_.notify_all();
  if (free_slots_.empty() || kRegionHeaderBytes + bytes > header_.region_bytes) {
    update_ready();
    return false;
  }
  live_.push_back({.number = next_region_++, .slot = free_slots_.front()});
  free_slots_.pop_front();
  region_open_ = true;
  has_content_ = true;
  region_used_ = kRegionHeaderBytes;
  encode_region_header(
      {.journal_id = header_.journal_id, .region = live_.back().number, .first_entry = next_entry_},
      region_header_);
  slices_.emplace_back(region_header_);
  round_position_ = slot_position(live_.back().slot);
  round_bytes_ = kRegionHeaderBytes;
  update_ready();
  return true;
}

void Journal::add_to_round(Waiting& waiting) {
  if (slices_.empty()) round_position_ = slot_position(live_.back().slot) + region_used_;
  for (PendingEntry& entry : waiting.submission.entries) {
    entry.header.number = next_entry_++;
    encode_entry_header(entry.header, header_.journal_id, entry.name,
                        {entry.to, kEntryHeaderBytes});
  }
  slices_.insert(slices_.end(), waiting.submission.slices.begin(), waiting.submission.slices.end());
  region_used_ += waiting.submission.bytes;
  round_bytes_ += waiting.submission.bytes;
  waiting.receipt.region = live_.back().number;
  round_.push_back(&waiting);
}

rt::Task<Result<void>> Journal::note(EntryHeader header, std::string name) {
  base::ByteBuffer buffer(entry_bytes(name.size(), 0));
  const auto to = buffer.extend(entry_bytes(name.size(), 0));
  std::ranges::fill(to, std::byte{0});
  std::ranges::copy(base::as_bytes(name), to.data() + kEntryHeaderBytes);
  header.name_bytes = static_cast<std::uint16_t>(name.size());
  const base::Bytes slices[] = {to};
  PendingEntry entries[] = {{.header = header, .name = name, .to = to.data()}};
  const base::Instant give_up = loop_->now() + kNoteWaitMax;
  while (has_content_) {
    if (!failed_) {
      const JournalReceipt receipt =
          co_await submit({.slices = slices, .entries = entries, .bytes = to.size()});
      if (receipt.durable) co_return Result<void>();
    }
    if (scope_.stop_requested() || waits_over_) {
      co_return error(ErrorCode::kKafkaStorageError, path() + " is being closed");
    }
    if (loop_->now() >= give_up) {
      co_return error(ErrorCode::kKafkaStorageError,
                      path() +
                          " stays full because a log in it cannot be synced; see the errors "
                          "above, and restart the node once the disk is well");
    }
    // Full or failed: wait until a region is free or the file is gone.
    draining_ = true;
    space_changed_.notify_all();
    co_await rt::sleep_for(*loop_, kNotePause, scope_.token());
  }
  co_return Result<void>();
}

// --- Space --------------------------------------------------------------------------------------

void Journal::update_ready() {
  const bool room = region_open_ || !free_slots_.empty();
  ready_.store(writing_ && !failed_ && !closing_ && file_ != nullptr && room,
               std::memory_order_release);
  used_percent_.store(
      static_cast<std::uint32_t>(live_.size() * 100 / std::max<std::size_t>(slot_count_max_, 1)),
      std::memory_order_relaxed);
}

// A disk without room is no fault of what the journal has: it goes on with the slots there are.
void Journal::stop_growing(const Error& cause) {
  const bool full = cause.io.has_value() && cause.io->code == rt::IoErrorCode::kNoSpace;
  if (!full || slot_count_ < kSlotsToBeReady) return fail(cause);
  LOG_WARN(loop_->log(), "storage", "{}; the journal stays at {} regions of {} bytes",
           cause.message, slot_count_, header_.region_bytes);
  slot_count_max_ = slot_count_;
}

// Keeps slots free: more slots while the file may grow, then the oldest regions.
rt::Task<> Journal::recycle() {
  while (!scope_.stop_requested() && !failed_) {
    const bool half_used = live_.size() * 2 > slot_count_;
    const bool may_grow = prepared_ && !closing_ && slot_count_ < slot_count_max_;
    const bool adopted = !live_.empty() && live_.front().number < adopted_upto_;
    if (half_used && may_grow) {
      const auto grown = co_await prepare_slot();
      if (!grown) stop_growing(grown.error());
      update_ready();
      space_changed_.notify_all();
    } else if (something_to_free() && (half_used || draining_ || (adopted && writing_))) {
      draining_ = false;
      if (!co_await free_oldest_region()) {
        co_await rt::sleep_for(*loop_, kRetryDelay, scope_.token());
      }
    } else {
      co_await space_changed_.wait(scope_.token());
    }
  }
}

rt::Task<bool> Journal::free_oldest_region() {
  auto guard = co_await free_mutex_.lock();
  if (!something_to_free()) co_return true;
  const std::uint64_t region = live_.front().number;
  if (region < adopted_upto_ && !co_await flush_touched()) co_return false;
  if (!co_await flush_participants(region)) co_return false;
  ASSERT(live_.front().number == region);
  loop_->mark("journal region recycled");
  header_.first_live_region = region + 1;
  // Durable before the slot is written to: a replay that began in a region half of which is
  // overwritten would miss the notes in that half.
  const auto written = co_await write_header();
  if (written) {
    free_slots_.push_back(live_.front().slot);
    live_.pop_front();
  } else {
    fail(written.error());
  }
  update_ready();
  space_changed_.notify_all();
  co_return written.has_value();
}

rt::Task<bool> Journal::flush_participants(std::uint64_t region) {
  std::size_t left = participants_.size();
  bool ok = true;
  rt::Signal changed(*loop_);
  rt::Scope flushes(*loop_);
  for (JournalParticipant* participant : participants_) {
    flushes.spawn(flush_participant(*participant, region, left, ok, changed));
  }
  while (left > 0) co_await changed.wait();
  co_await flushes.join();
  co_return ok;
}

rt::Task<> Journal::flush_participant(JournalParticipant& participant, std::uint64_t region,
                                      std::size_t& left, bool& ok, rt::Signal& changed) {
  const bool flushed =
      co_await rt::call(*loop_, participant.loop(), participant.flush_region(region));
  ok = ok && flushed;
  --left;
  changed.notify_all();
}

rt::Task<bool> Journal::flush_touched() {
  if (touched_failed_) co_return false;
  for (const std::string& path_of_file : touched_.files) {
    const auto file = co_await loop_->disk().open(path_of_file, rt::OpenMode::kReadWrite);
    if (!file && file.error().code == rt::IoErrorCode::kNotFound) continue;  // Deleted since.
    if (!file) co_return false;
    const auto synced = co_await loop_->disk().sync(*file);
    if (!synced) co_return give_up_touched(path_of_file, synced.error());
  }
  for (const std::string& directory : touched_.directories) {
    const auto synced = co_await loop_->disk().sync_directory(directory);
    if (!synced && synced.error().code != rt::IoErrorCode::kNotFound) {
      co_return give_up_touched(directory, synced.error());
    }
  }
  touched_ = {};
  co_return true;
}

// The kernel reports a failed writing back once: the regions stay, for the next start to replay.
bool Journal::give_up_touched(const std::string& path_of_file, const rt::IoError& cause) {
  touched_failed_ = true;
  LOG_ERROR(
      loop_->log(), "storage",
      "cannot sync {}, which was recovered from {}: {}; the journal keeps what it holds of it "
      "until a restart",
      path_of_file, path(), cause.to_string());
  return false;
}

rt::Task<bool> Journal::drain() {
  region_open_ = false;
  update_ready();
  while (!live_.empty() && !failed_) {
    if (!co_await free_oldest_region()) co_return false;
  }
  co_return !failed_;
}

rt::Task<> Journal::end_waits() {
  waits_over_ = true;
  co_return;
}

// --- Endings ------------------------------------------------------------------------------------

void Journal::fail(Error cause) {
  if (failed_) return;
  failed_ = true;
  LOG_ERROR(loop_->log(), "storage",
            "{}; the journal is given up, appends are synced in their own files from now on",
            cause.message);
  loop_->mark("journal given up");
  update_ready();
  freeing_->spawn(retire());
}

// After a failure nothing in the file may ever be replayed: sync what it covered, then remove it.
rt::Task<> Journal::retire() {
  constexpr std::uint64_t kAllRegions = std::numeric_limits<std::uint64_t>::max();
  while (!scope_.stop_requested()) {
    bool done = false;
    {
      auto guard = co_await free_mutex_.lock();
      done = co_await flush_touched() && co_await flush_participants(kAllRegions);
    }
    if (done) {
      const auto removed = co_await loop_->disk().remove(path());
      done = removed || removed.error().code == rt::IoErrorCode::kNotFound;
    }
    if (done) {
      const auto listed = co_await loop_->disk().sync_directory(options_.directory);
      done = listed.has_value();
    }
    if (done) break;
    co_await rt::sleep_for(*loop_, kRetryDelay, scope_.token());
  }
  if (scope_.stop_requested()) co_return;
  gone_ = true;
  has_content_ = false;
  live_.clear();
  file_.reset();
  space_changed_.notify_all();
}

rt::Task<Result<void>> Journal::raise_quorum_epoch(base::LeaderEpoch epoch) {
  if (epoch <= header_.quorum_epoch) co_return Result<void>();
  header_.quorum_epoch = epoch;
  auto written = co_await write_header();
  if (!written) fail(written.error());
  co_return written;
}

rt::Task<Result<void>> Journal::seal(bool clean) {
  closing_ = true;
  update_ready();
  Result<void> outcome;
  if (failed_ && !gone_) {
    outcome = error(ErrorCode::kKafkaStorageError, path() + " failed and could not be removed");
  } else if (clean && !co_await drain() && !failed_) {
    outcome = error(ErrorCode::kKafkaStorageError, path() + " holds entries that cannot be synced");
  } else if (clean) {
    header_.sealed = true;
    gone_ = false;
    outcome = file_ == nullptr ? co_await create_file() : co_await write_header();
  }
  co_await scope_.stop_and_join();
  co_await freeing_->stop_and_join();
  file_.reset();
  co_return outcome;
}

}  // namespace moldau::storage::internal
