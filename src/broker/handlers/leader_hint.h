// LeaderHints are the addresses of leaders that a Produce or Fetch answer names beside an error, so
// that the client goes there at once (KIP-951). Any loop.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "metadata/image.h"

namespace moldau::broker {

class LeaderHints {
 public:
  LeaderHints(const metadata::Image& image, std::string listener)
      : image_(&image), listener_(std::move(listener)) {}

  void add(base::BrokerId leader) {
    if (leader != base::kNoBroker) leaders_.insert(leader);
  }

  template <class NodeEndpoint>
  void fill(std::vector<NodeEndpoint>& into) const {
    for (const base::BrokerId id : leaders_) {
      const metadata::BrokerRegistration* broker = image_->broker(id);
      const metadata::Endpoint* endpoint =
          broker == nullptr ? nullptr : broker->endpoint(listener_);
      if (endpoint == nullptr) continue;
      NodeEndpoint& node = into.emplace_back();
      node.node_id = id;
      node.host = endpoint->host;
      node.port = endpoint->port;
      node.rack = broker->rack;
    }
  }

 private:
  const metadata::Image* image_;
  std::string listener_;
  std::set<base::BrokerId> leaders_;
};

}  // namespace moldau::broker
