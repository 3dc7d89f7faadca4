#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "config/internal/values_reader.h"

namespace moldau::config {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return out;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

bool is_host(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') ||
           std::string_view("-%._:").find(c) != std::string_view::npos;
  });
}

using Protocols = std::map<std::string, SecurityProtocol>;

std::optional<SecurityProtocol> parse_protocol(std::string_view text) {
  const std::string name = upper(trim(text));
  for (const auto protocol : {SecurityProtocol::kPlaintext, SecurityProtocol::kSsl,
                              SecurityProtocol::kSaslPlaintext, SecurityProtocol::kSaslSsl}) {
    if (name == to_string(protocol)) return protocol;
  }
  return std::nullopt;
}

constexpr std::string_view kProtocolNames = "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL";
constexpr std::string_view kMapKey = "listener.security.protocol.map";
constexpr std::string_view kListenersKey = "listeners";
constexpr std::string_view kAdvertisedKey = "advertised.listeners";
constexpr std::string_view kControllersKey = "controller.listener.names";
constexpr std::string_view kInterBrokerKey = "inter.broker.listener.name";

Protocols read_protocols(internal::ValuesReader& values,
                         const std::vector<std::string>& controllers,
                         const std::vector<std::string>& listeners) {
  Protocols protocols;
  for (const auto& entry : split_list(values.text(kMapKey))) {
    const auto colon = entry.rfind(':');
    const auto protocol =
        colon == std::string::npos ? std::nullopt : parse_protocol(entry.substr(colon + 1));
    if (!protocol) {
      values.error(kMapKey,
                   "Invalid value " + entry + " for configuration " + std::string(kMapKey) +
                       ": each entry is NAME:PROTOCOL, with one of " + std::string(kProtocolNames));
      continue;
    }
    protocols.insert_or_assign(upper(trim(entry.substr(0, colon))), *protocol);
  }
  if (values.is_set(kMapKey)) return protocols;
  // Without a map, controller listeners are plain unless something secure is in use.
  const auto is_secure = [](std::string_view name) {
    const auto protocol = parse_protocol(name);
    return protocol && *protocol != SecurityProtocol::kPlaintext;
  };
  const bool secure = std::ranges::any_of(controllers, is_secure) ||
                      std::ranges::any_of(listeners, [&](const std::string& listener) {
                        return is_secure(std::string_view(listener).substr(0, listener.find(':')));
                      });
  if (secure) return protocols;
  for (const auto& name : controllers)
    protocols.insert_or_assign(name, SecurityProtocol::kPlaintext);
  return protocols;
}

std::optional<Listener> parse_listener(internal::ValuesReader& values, std::string_view key,
                                       std::string_view text, const Protocols& protocols) {
  const auto fail = [&](std::string_view why) {
    values.error(key, "Invalid value " + std::string(text) + " for configuration " +
                          std::string(key) + ": " + std::string(why));
    return std::optional<Listener>();
  };
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return fail("a listener is NAME://host:port");
  const auto address = parse_host_port(text.substr(scheme + 3));
  if (!address) return fail("a listener is NAME://host:port, with a port from 0 to 65535");
  Listener listener{.name = upper(text.substr(0, scheme)),
                    .protocol = SecurityProtocol::kPlaintext,
                    .host = address->host,
                    .port = address->port};
  const auto protocol = protocols.find(listener.name);
  if (protocol != protocols.end()) {
    listener.protocol = protocol->second;
  } else {
    fail("No security protocol defined for listener " + listener.name + "; name one in " +
         std::string(kMapKey));
  }
  return listener;
}

bool is_ipv4(std::string_view host) {
  return !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
}
bool is_ipv6(std::string_view host) { return host.find(':') != std::string_view::npos; }

// Two listeners may share a port only when one is IPv4 and the other IPv6.
bool may_share_port(const Listener& a, const Listener& b) {
  return (is_ipv4(a.host) && is_ipv6(b.host)) || (is_ipv6(a.host) && is_ipv4(b.host));
}

std::vector<Listener> parse_listeners(internal::ValuesReader& values, std::string_view key,
                                      const std::vector<std::string>& entries,
                                      const Protocols& protocols, bool distinct_ports) {
  std::vector<Listener> listeners;
  for (const auto& entry : entries) {
    auto listener = parse_listener(values, key, entry, protocols);
    if (!listener) continue;
    for (const auto& other : listeners) {
      if (other.name == listener->name) {
        values.error(key, "Each listener must have a different name: " + listener->name +
                              " is in " + std::string(key) + " twice.");
      }
      if (distinct_ports && other.port == listener->port && listener->port != 0 &&
          !may_share_port(other, *listener)) {
        values.error(key,
                     "Each listener must have a different port, or one an IPv4 and the other an "
                     "IPv6 address: " +
                         other.name + " and " + listener->name + " both have port " +
                         std::to_string(listener->port) + ".");
      }
    }
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

const Listener* find(const std::vector<Listener>& listeners, std::string_view name) {
  const auto at = std::ranges::find(listeners, name, &Listener::name);
  return at == listeners.end() ? nullptr : &*at;
}

// The address that other nodes use for a controller listener: what is advertised; else, for the
// first one with no host of its own, this node's entry among the voters; else what it is bound to.
std::optional<Listener> advertised_controller(const BrokerConfig& config,
                                              const std::vector<Listener>& advertised,
                                              const std::string& name, bool is_default) {
  if (const Listener* own = find(advertised, name)) return *own;
  const Listener* bound = find(config.network.controller_listeners, name);
  if (bound == nullptr) return std::nullopt;
  Listener listener = *bound;
  const bool any_address = listener.host.empty() || listener.host == "0.0.0.0";
  if (!any_address) return listener;
  listener.host.clear();
  if (!is_default) return listener;
  for (const auto& voter : config.quorum.voters) {
    if (voter.id != config.node_id) continue;
    listener.host = voter.address.host;
    listener.port = voter.address.port;
  }
  return listener;
}

void read_inter_broker(internal::ValuesReader& values, const Protocols& protocols,
                       NetworkConfig& network) {
  const auto name = values.maybe_text(kInterBrokerKey);
  if (!name) {
    network.inter_broker_listener = upper(values.text("security.inter.broker.protocol"));
    return;
  }
  network.inter_broker_listener = upper(*name);
  if (values.is_set("security.inter.broker.protocol")) {
    values.error(kInterBrokerKey,
                 "Only one of inter.broker.listener.name and "
                 "security.inter.broker.protocol should be set.");
  } else if (!protocols.contains(network.inter_broker_listener)) {
    values.error(kInterBrokerKey, "Listener with name " + network.inter_broker_listener +
                                      " defined in inter.broker.listener.name not found in " +
                                      std::string(kMapKey) + ".");
  }
}

}  // namespace

std::string_view to_string(SecurityProtocol protocol) {
  switch (protocol) {
    case SecurityProtocol::kPlaintext:
      return "PLAINTEXT";
    case SecurityProtocol::kSsl:
      return "SSL";
    case SecurityProtocol::kSaslPlaintext:
      return "SASL_PLAINTEXT";
    case SecurityProtocol::kSaslSsl:
      return "SASL_SSL";
  }
  return "UNKNOWN";
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() >= 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!port || !is_host(host)) return std::nullopt;
  return HostPort{.host = std::string(host), .port = *port};
}

namespace internal {

void read_quorum(ValuesReader& values, BrokerConfig& config) {
  constexpr std::string_view kVoters = "controller.quorum.voters";
  for (const auto& entry : values.list(kVoters)) {
    const auto at = entry.find('@');
    std::int32_t id = -1;
    const auto [end, error] =
        std::from_chars(entry.data(), entry.data() + std::min(at, entry.size()), id);
    const bool id_ok = at != std::string::npos && error == std::errc() && end == entry.data() + at;
    const auto address = at == std::string::npos
                             ? std::nullopt
                             : parse_host_port(std::string_view(entry).substr(at + 1));
    if (!id_ok || id < 0 || !address || address->host.empty()) {
      values.error(kVoters, "Invalid value " + entry + " for configuration " +
                                std::string(kVoters) + ": each entry is id@host:port");
      continue;
    }
    config.quorum.voters.push_back({.id = base::BrokerId(id), .address = *address});
  }
  constexpr std::string_view kServers = "controller.quorum.bootstrap.servers";
  for (const auto& entry : values.list(kServers)) {
    const auto address = parse_host_port(entry);
    if (!address || address->host.empty()) {
      values.error(kServers, "Invalid value " + entry + " for configuration " +
                                 std::string(kServers) + ": each entry is host:port");
      continue;
    }
    config.quorum.bootstrap_servers.push_back(*address);
  }
}

void read_listeners(ValuesReader& values, BrokerConfig& config) {
  NetworkConfig& network = config.network;
  for (const auto& name : values.list(kControllersKey)) {
    network.controller_listener_names.push_back(upper(name));
  }
  const auto& controllers = network.controller_listener_names;
  const auto entries = values.list(kListenersKey);
  const Protocols protocols = read_protocols(values, controllers, entries);
  const auto is_controllers = [&](const Listener& listener) {
    return std::ranges::find(controllers, listener.name) != controllers.end();
  };
  const auto bound = parse_listeners(values, kListenersKey, entries, protocols, true);
  for (const auto& listener : bound) {
    (is_controllers(listener) ? network.controller_listeners : network.broker_listeners)
        .push_back(listener);
  }
  const auto advertised =
      parse_listeners(values, kAdvertisedKey, values.list(kAdvertisedKey), protocols, false);
  for (const auto& listener : values.is_set(kAdvertisedKey) ? advertised : bound) {
    if (!is_controllers(listener)) network.advertised_broker_listeners.push_back(listener);
  }
  bool is_default = true;
  for (const auto& name : controllers) {
    if (auto listener = advertised_controller(config, advertised, name, is_default)) {
      network.advertised_controller_listeners.push_back(std::move(*listener));
    }
    is_default = false;
  }
  if (!controllers.empty()) {
    const auto protocol = protocols.find(controllers.front());
    if (protocol != protocols.end()) {
      network.controller_protocol = protocol->second;
    } else {
      values.error(kControllersKey, "Controller listener with name " + controllers.front() +
                                        " defined in controller.listener.names not found in " +
                                        std::string(kMapKey) + ".");
    }
  }
  read_inter_broker(values, protocols, network);
}

}  // namespace internal
}  // namespace moldau::config
