#include "raft/election_state.h"

#include <limits>
#include <utility>

#include <boost/json.hpp>

#include "base/result.h"

namespace moldau::raft {

namespace json = boost::json;

std::string encode_quorum_state(const ElectionState& state, KRaftVersion kraft_version) {
  // Written by hand so that the order of the fields is Kafka's.
  const auto number = [](std::string_view name, std::int64_t value) {
    return "\"" + std::string(name) + "\":" + std::to_string(value) + ",";
  };
  const std::int32_t leader = state.leader.value_or(base::kNoBroker).value();
  const ReplicaKey voted = state.voted.value_or(ReplicaKey{});
  std::string text = "{";
  if (kraft_version == kKRaftVersion0) text += "\"clusterId\":\"\",";
  text += number("leaderId", leader) + number("leaderEpoch", state.epoch.value()) +
          number("votedId", voted.id.value());
  if (kraft_version == kKRaftVersion0) {
    text += number("appliedOffset", 0) + "\"currentVoters\":[";
    for (std::size_t i = 0; i < state.voters.size(); ++i) {
      if (i > 0) text += ",";
      text += "{\"voterId\":" + std::to_string(state.voters[i].value()) + "}";
    }
    return text + "],\"data_version\":0}";
  }
  return text + "\"votedDirectoryId\":\"" + voted.directory.to_string() + "\",\"data_version\":1}";
}

namespace {

template <class T>
using Decoded = std::expected<T, std::string>;

Decoded<std::int64_t> number_field(const json::object& object, std::string_view name,
                                   std::int64_t max) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  const std::int64_t* number = value == nullptr ? nullptr : value->if_int64();
  if (number == nullptr || *number < -1 || *number > max) {
    return std::unexpected("\"" + std::string(name) + "\" is missing or not a number from -1 to " +
                           std::to_string(max));
  }
  return *number;
}

Decoded<base::BrokerId> id_field(const json::object& object, std::string_view name) {
  const std::int64_t id = TRY(number_field(object, name, std::numeric_limits<std::int32_t>::max()));
  return base::BrokerId(static_cast<std::int32_t>(id));
}

Decoded<base::DirectoryId> directory_field(const json::object& object) {
  const json::value* value = object.if_contains("votedDirectoryId");
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  const auto id = text == nullptr ? std::nullopt : base::Uuid::parse({text->data(), text->size()});
  if (!id) return std::unexpected(std::string("\"votedDirectoryId\" is missing or not an id"));
  return base::DirectoryId(*id);
}

Decoded<std::vector<base::BrokerId>> voters_field(const json::object& object) {
  std::vector<base::BrokerId> voters;
  const json::value* value = object.if_contains("currentVoters");
  if (value == nullptr || value->is_null()) return voters;
  const json::array* array = value->if_array();
  if (array == nullptr) return std::unexpected(std::string("\"currentVoters\" is not a list"));
  for (const json::value& entry : *array) {
    const json::object* voter = entry.if_object();
    if (voter == nullptr) return std::unexpected(std::string("\"currentVoters\" has a non-object"));
    voters.push_back(TRY(id_field(*voter, "voterId")));
  }
  return voters;
}

}  // namespace

std::expected<ElectionState, std::string> decode_quorum_state(std::string_view text) {
  boost::system::error_code error;
  const json::value root = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return std::unexpected("it is not JSON: " + error.message());
  const json::object* object = root.if_object();
  if (object == nullptr) return std::unexpected(std::string("it is not a JSON object"));
  const std::int64_t version = TRY(number_field(*object, "data_version", 32767));
  if (version < 0 || version > 1) {
    return std::unexpected("\"data_version\" " + std::to_string(version) +
                           " is not one of those known here, 0 and 1");
  }
  ElectionState state;
  const std::int64_t epoch =
      TRY(number_field(*object, "leaderEpoch", std::numeric_limits<std::int32_t>::max()));
  if (epoch < 0) return std::unexpected(std::string("\"leaderEpoch\" is negative"));
  state.epoch = base::LeaderEpoch(static_cast<std::int32_t>(epoch));
  const base::BrokerId leader = TRY(id_field(*object, "leaderId"));
  if (leader.value() >= 0) state.leader = leader;
  const base::BrokerId voted = TRY(id_field(*object, "votedId"));
  if (voted.value() >= 0) state.voted = ReplicaKey{.id = voted, .directory = {}};
  if (version == 1) {
    const base::DirectoryId directory = TRY(directory_field(*object));
    if (state.voted) state.voted->directory = directory;
  } else {
    state.voters = TRY(voters_field(*object));
  }
  return state;
}

}  // namespace moldau::raft
