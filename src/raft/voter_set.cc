#include "raft/voter_set.h"

#include <charconv>
#include <utility>

namespace moldau::raft {

std::string ReplicaKey::to_string() const {
  std::string text = std::to_string(id.value());
  if (!directory.is_zero()) text += "-" + directory.to_string();
  return text;
}

std::optional<HostPort> address_of(const Endpoints& endpoints, std::string_view listener) {
  const auto found = endpoints.find(listener);
  if (found == endpoints.end()) return std::nullopt;
  return found->second;
}

const VoterNode* VoterSet::find(base::BrokerId id) const {
  const auto found = voters_.find(id);
  return found == voters_.end() ? nullptr : &found->second;
}

bool VoterSet::is_voter(const ReplicaKey& replica) const {
  const VoterNode* voter = find(replica.id);
  return voter != nullptr && voter->is(replica);
}

Endpoints VoterSet::endpoints_of(base::BrokerId id) const {
  const VoterNode* voter = find(id);
  return voter == nullptr ? Endpoints{} : voter->endpoints;
}

void VoterSet::put(VoterNode voter) {
  const base::BrokerId id = voter.key.id;
  voters_.insert_or_assign(id, std::move(voter));
}

namespace {

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<VoterNode> parse_static_voter(std::string_view text, std::string_view listener) {
  const auto at = text.find('@');
  const auto colon = text.rfind(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at) {
    return std::nullopt;
  }
  const auto id = parse_number<std::int32_t>(text.substr(0, at));
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(at + 1, colon - at - 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!id || *id < 0 || !port || *port == 0 || host.empty()) return std::nullopt;
  VoterNode voter;
  voter.key.id = base::BrokerId(*id);
  voter.endpoints.emplace(std::string(listener), HostPort{std::string(host), *port});
  return voter;
}

}  // namespace

std::optional<std::string> parse_static_voters(std::string_view text, std::string_view listener,
                                               VoterSet& voters) {
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view entry = trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    auto voter = parse_static_voter(entry, listener);
    if (!voter) {
      return "\"" + std::string(entry) +
             "\" is not of the form id@host:port with a port from 1 to 65535";
    }
    if (voters.find(voter->key.id) != nullptr) {
      return "node id " + std::to_string(voter->key.id.value()) + " is listed twice";
    }
    voters.put(std::move(*voter));
  }
  return std::nullopt;
}

}  // namespace moldau::raft
