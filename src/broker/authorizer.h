// Authorizer answers whether a principal may do an operation on a resource. Every handler asks, in
// Kafka's order of checks. Until ACLs are served, a cluster without an authorizer allows
// everything, as Kafka does without authorizer.class.name. Called on the connection's loop. Source:
// clients/.../acl/AclOperation.java, resource/ResourceType.java (frozen numbers).
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/request_context.h"

namespace moldau::broker {

enum class ResourceType : std::int8_t {
  kTopic = 2,
  kGroup = 3,
  kCluster = 4,
  kTransactionalId = 5,
};

enum class Operation : std::int8_t {
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kAlter = 7,
  kDescribe = 8,
  kClusterAction = 9,
  kDescribeConfigs = 10,
  kAlterConfigs = 11,
  kIdempotentWrite = 12,
};

inline constexpr std::string_view kClusterResource = "kafka-cluster";

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  [[nodiscard]] virtual bool authorize(const RequestContext& context, Operation operation,
                                       ResourceType type, std::string_view name) const = 0;
  // Whether there is some resource of the type on which the principal may do it.
  [[nodiscard]] virtual bool authorize_any(const RequestContext& context, Operation operation,
                                           ResourceType type) const = 0;
};

class AllowAll final : public Authorizer {
 public:
  [[nodiscard]] bool authorize(const RequestContext&, Operation, ResourceType,
                               std::string_view) const override {
    return true;
  }
  [[nodiscard]] bool authorize_any(const RequestContext&, Operation, ResourceType) const override {
    return true;
  }
};

}  // namespace moldau::broker
