// A node's snapshot in Prometheus' text exposition format. Names begin with moldau_; units are in
// the names (seconds, bytes); totals end in _total. Pure.
#pragma once

#include <string>

#include "broker/admin.h"

namespace moldau::console {

[[nodiscard]] std::string metrics_text(const broker::Admin& admin,
                                       const broker::NodeSnapshot& node);

}  // namespace moldau::console
