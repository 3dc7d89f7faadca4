// The settings of a node on the simulated machine "server", for all tests of one whole node. Only
// tests include this.
#pragma once

#include "config/broker_config.h"

namespace moldau::broker {

inline config::Properties server_properties() {
  config::Properties properties = config::default_properties("/data");
  properties.set("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093");
  properties.set("advertised.listeners", "PLAINTEXT://server:9092,CONTROLLER://server:9093");
  properties.set("controller.quorum.bootstrap.servers", "server:9093");
  properties.set("moldau.http.listener", "");
  return properties;
}

}  // namespace moldau::broker
