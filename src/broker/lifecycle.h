// Lifecycle keeps this broker registered with the active controller: it registers (again after
// every loss of the registration), sends heartbeats, and takes the broker through its states:
//   starting -> recovery   when the broker has applied its own registration
//   recovery -> running    when the controller has unfenced it
//   -> controlled shutdown -> shutting down, on request
// The controller answers through the metadata log; heartbeats only say what was reached. Lives on
// loop 0. Source: KIP-631; server/.../BrokerLifecycleManager.java (4.4).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "broker/controller_channel.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "rt/timed_event.h"
#include "wire/broker_heartbeat_request.h"
#include "wire/broker_heartbeat_response.h"
#include "wire/broker_registration_request.h"
#include "wire/broker_registration_response.h"

namespace moldau::broker {

enum class LifecycleState : std::uint8_t {
  kStarting,
  kRecovery,
  kRunning,
  kControlledShutdown,
  kShuttingDown,
};
[[nodiscard]] std::string_view to_string(LifecycleState state);

struct LifecycleOptions {
  base::BrokerId id;
  // All fields of the registration but the previous broker epoch's changes.
  wire::BrokerRegistrationRequest registration;
  base::Duration heartbeat_interval = std::chrono::seconds(2);
  base::Duration retry_delay = std::chrono::milliseconds(100);
  // How long a start goes on without any good answer of the controller.
  base::Duration start_patience = std::chrono::seconds(60);
};

class Lifecycle {
 public:
  Lifecycle(rt::Loop& loop, ControllerChannel& controller, LifecycleOptions options);

  // Registers and sends heartbeats until stop().
  void start();
  rt::Task<> stop();

  [[nodiscard]] LifecycleState state() const { return state_; }
  // Of the current registration, -1 before the first.
  [[nodiscard]] base::BrokerEpoch broker_epoch() const { return epoch_; }

  // The broker has applied the metadata log up to this offset (the offset of the last record).
  void applied(base::Offset offset);
  // The broker can serve: from now on it asks to be unfenced.
  void set_ready();

  // Waits for a state: recovery (has applied its own registration) or running (unfenced). An error
  // when the token stopped the wait, or the controller is out of reach or refuses for too long; it
  // says why. One waiter.
  rt::Task<std::expected<void, std::string>> reach(LifecycleState state, rt::StopToken token);
  // Asks the controller to move leaderships away; returns when it may go, or the deadline is there.
  rt::Task<> controlled_shutdown(base::Duration timeout);

 private:
  rt::Task<> run();
  rt::Task<bool> register_once();
  // False when the registration is not valid any more.
  rt::Task<bool> heartbeat_once();
  rt::Task<> pause_between_heartbeats();
  void act_on(const wire::BrokerHeartbeatResponse& response);
  // Something changed that the controller should hear of now.
  void hurry();
  void enter(LifecycleState state);
  void problem(std::string text);
  void no_problem();

  rt::Loop* loop_;
  ControllerChannel* controller_;
  LifecycleOptions options_;
  LifecycleState state_ = LifecycleState::kStarting;
  base::BrokerEpoch epoch_{-1};
  base::Offset applied_{-1};
  bool ready_ = false;
  bool hurry_ = false;
  rt::TimedEvent* pause_ = nullptr;  // while it waits for the next heartbeat
  std::string last_problem_;
  base::Instant last_well_;             // the last good answer, or the start
  rt::TimedEvent* reaching_ = nullptr;  // of reach()
  rt::Scope scope_;                     // last: its frames use the members above
};

}  // namespace moldau::broker
