// NodeAdmin answers Admin's questions about a Broker. Loop 0.
#pragma once

#include "broker/admin.h"
#include "broker/broker.h"

namespace moldau::broker {

class NodeAdmin final : public Admin {
 public:
  explicit NodeAdmin(Broker& broker) : broker_(&broker) {}

  [[nodiscard]] rt::Task<NodeSnapshot> snapshot() override;
  [[nodiscard]] bool ready() const override { return broker_->serving(); }
  [[nodiscard]] std::string_view stage() const override { return broker_->stage(); }
  [[nodiscard]] std::string_view api_name(std::int16_t key) const override;

 private:
  Broker* broker_;
};

}  // namespace moldau::broker
