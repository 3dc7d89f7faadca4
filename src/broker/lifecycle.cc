#include "broker/lifecycle.h"

#include "rt/sleep.h"

namespace moldau::broker {
namespace {

using namespace std::chrono_literals;

// Pause between heartbeats while a controlled shutdown is pending.
constexpr base::Duration kShutdownPollDelay = 50ms;

}  // namespace

std::string_view to_string(LifecycleState state) {
  switch (state) {
    case LifecycleState::kStarting:
      return "STARTING";
    case LifecycleState::kRecovery:
      return "RECOVERY";
    case LifecycleState::kRunning:
      return "RUNNING";
    case LifecycleState::kControlledShutdown:
      return "PENDING_CONTROLLED_SHUTDOWN";
    case LifecycleState::kShuttingDown:
      return "SHUTTING_DOWN";
  }
  UNREACHABLE();
}

Lifecycle::Lifecycle(rt::Loop& loop, ControllerChannel& controller, LifecycleOptions options)
    : loop_(&loop),
      controller_(&controller),
      options_(std::move(options)),
      last_well_(loop.now()),
      scope_(loop) {}

void Lifecycle::start() {
  last_well_ = loop_->now();
  scope_.spawn(run());
}

rt::Task<> Lifecycle::stop() { co_await scope_.stop_and_join(); }

void Lifecycle::hurry() {
  hurry_ = true;
  if (pause_ != nullptr) pause_->set();
}

void Lifecycle::applied(base::Offset offset) {
  applied_ = offset;
  // Only STARTING waits for an offset; later ones travel with the next heartbeat.
  if (state_ == LifecycleState::kStarting) hurry();
}

void Lifecycle::set_ready() {
  ready_ = true;
  hurry();
}

rt::Task<std::expected<void, std::string>> Lifecycle::reach(LifecycleState state,
                                                            rt::StopToken token) {
  while (state_ < state) {
    if (token.stop_requested()) co_return std::unexpected("stopped while starting");
    const base::Instant deadline = last_well_ + options_.start_patience;
    if (loop_->now() >= deadline) {
      co_return std::unexpected(
          (last_problem_.empty() ? "the controller does not answer" : last_problem_) +
          "; gave up after initial.broker.registration.timeout.ms");
    }
    rt::TimedEvent reached(*loop_, deadline);
    reaching_ = &reached;
    co_await reached.wait(token);
    reaching_ = nullptr;
  }
  co_return {};
}

void Lifecycle::enter(LifecycleState state) {
  state_ = state;
  if (reaching_ != nullptr) reaching_->set();
}

rt::Task<> Lifecycle::controlled_shutdown(base::Duration timeout) {
  if (epoch_ == base::kNoBrokerEpoch || state_ == LifecycleState::kShuttingDown) {
    state_ = LifecycleState::kShuttingDown;
    co_return;
  }
  state_ = LifecycleState::kControlledShutdown;
  hurry();
  const base::Instant deadline = loop_->now() + timeout;
  while (state_ == LifecycleState::kControlledShutdown && loop_->now() < deadline) {
    co_await rt::sleep_for(*loop_, kShutdownPollDelay / 10);
  }
  state_ = LifecycleState::kShuttingDown;
}

rt::Task<> Lifecycle::run() {
  while (!scope_.stop_requested()) {
    if (!co_await register_once()) {
      co_await rt::sleep_for(*loop_, options_.retry_delay, scope_.token());
      continue;
    }
    do {
      co_await pause_between_heartbeats();
      hurry_ = false;
    } while (!scope_.stop_requested() && co_await heartbeat_once());
  }
}

rt::Task<> Lifecycle::pause_between_heartbeats() {
  if (hurry_) co_return;
  const bool leaving = state_ == LifecycleState::kControlledShutdown;
  rt::TimedEvent pause(*loop_,
                       loop_->now() + (leaving ? kShutdownPollDelay : options_.heartbeat_interval));
  pause_ = &pause;
  co_await pause.wait(scope_.token());
  pause_ = nullptr;
}

rt::Task<bool> Lifecycle::register_once() {
  const auto answer =
      co_await controller_->call<wire::BrokerRegistrationResponse>(options_.registration);
  if (!answer) {
    problem("cannot register with the controller: " + answer.error().message);
    co_return false;
  }
  if (answer->error_code != wire::ErrorCode::kNone) {
    problem("the controller refused the registration of node " +
            std::to_string(options_.id.value()) + ": " + std::string(name(answer->error_code)));
    if (answer->error_code == wire::ErrorCode::kNotController) co_await controller_->close();
    co_return false;
  }
  no_problem();
  epoch_ = answer->broker_epoch;
  // A renewed registration makes the broker fenced again: it has to catch up anew.
  hurry_ = true;
  if (state_ == LifecycleState::kRunning || state_ == LifecycleState::kRecovery) {
    state_ = LifecycleState::kStarting;
  }
  LOG_INFO(loop_->log(), "lifecycle", "registered as broker {} with epoch {}", options_.id, epoch_);
  co_return true;
}

rt::Task<bool> Lifecycle::heartbeat_once() {
  wire::BrokerHeartbeatRequest request;
  request.broker_id = options_.id;
  request.broker_epoch = epoch_;
  request.current_metadata_offset = applied_;
  request.want_fence = !ready_;
  request.want_shut_down = state_ == LifecycleState::kControlledShutdown;
  const auto answer = co_await controller_->call<wire::BrokerHeartbeatResponse>(request);
  if (!answer) {
    problem("no heartbeat reaches the controller: " + answer.error().message);
    co_await rt::sleep_for(*loop_, options_.retry_delay, scope_.token());
    co_return true;
  }
  switch (answer->error_code) {
    case wire::ErrorCode::kNone:
      no_problem();
      act_on(*answer);
      co_return true;
    case wire::ErrorCode::kNotController:
      co_await controller_->close();
      co_return true;
    case wire::ErrorCode::kStaleBrokerEpoch:
    case wire::ErrorCode::kBrokerIdNotRegistered:
      problem("the controller does not know this registration any more: " +
              std::string(name(answer->error_code)) + "; registering again");
      co_return false;
    default:
      problem("the controller refused a heartbeat: " + std::string(name(answer->error_code)));
      co_return true;
  }
}

void Lifecycle::act_on(const wire::BrokerHeartbeatResponse& response) {
  switch (state_) {
    case LifecycleState::kStarting:
      if (!response.is_caught_up) return;
      enter(LifecycleState::kRecovery);
      if (ready_) hurry_ = true;
      return;
    case LifecycleState::kRecovery:
      if (response.is_fenced) return;
      enter(LifecycleState::kRunning);
      return;
    case LifecycleState::kControlledShutdown:
      if (response.should_shut_down) state_ = LifecycleState::kShuttingDown;
      return;
    case LifecycleState::kRunning:
    case LifecycleState::kShuttingDown:
      return;
  }
}

void Lifecycle::no_problem() {
  last_problem_.clear();
  last_well_ = loop_->now();
}

// The same problem every 100 ms is one line.
void Lifecycle::problem(std::string text) {
  if (text == last_problem_) return;
  LOG_WARN(loop_->log(), "lifecycle", "{}", text);
  last_problem_ = std::move(text);
}

}  // namespace moldau::broker
