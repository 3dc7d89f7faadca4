// What a decision sees: the latest state, this node's settings, and the brokers' sessions; with the
// questions that several decisions ask. Constant while a decision is made.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/layers.h"
#include "config/value.h"
#include "controller/controller.h"
#include "controller/internal/state.h"
#include "wire/error_code.h"

namespace moldau::controller {

// A Kafka error with the message that goes with it.
struct ApiError {
  wire::ErrorCode code = wire::ErrorCode::kNone;
  std::optional<std::string> message;

  [[nodiscard]] bool failed() const { return code != wire::ErrorCode::kNone; }
};

class View {
 public:
  View(const State& state_of, const Settings& settings_of, const Sessions& sessions_of)
      : state(state_of), settings(settings_of), sessions(sessions_of) {}

  const State& state;
  const Settings& settings;
  const Sessions& sessions;

  [[nodiscard]] const metadata::Image& image() const { return state.image; }
  [[nodiscard]] metadata::MetadataVersion version() const {
    return state.image.metadata_version().value_or(metadata::MetadataVersion());
  }
  [[nodiscard]] bool is_active(base::BrokerId broker) const;
  // Where a new replica on this broker goes, when the broker does not say.
  [[nodiscard]] base::DirectoryId default_directory(base::BrokerId broker) const;
  // Values that topics fall back to, dynamic ones of this controller and of the cluster included.
  [[nodiscard]] config::Layers layers() const;
  // Single values of a topic, without resolving all of them: these are asked for each partition.
  [[nodiscard]] std::int32_t min_isr(const metadata::Topic& topic) const;
  [[nodiscard]] bool unclean_election(const metadata::Topic& topic) const;
  // kStaleBrokerEpoch unless this is the broker's registration.
  [[nodiscard]] ApiError check_broker_epoch(base::BrokerId broker, base::BrokerEpoch epoch) const;
  // A record in the version that the finalized metadata.version asks for.
  [[nodiscard]] metadata::Record record(wire::MetadataRecord record) const;

 private:
  // The topic's override, else the broker's value of the same name.
  [[nodiscard]] config::Value topic_value(const metadata::Topic& topic, std::string_view key) const;
};

}  // namespace moldau::controller
