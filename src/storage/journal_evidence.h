// What decides whether a journal may be replayed (design.md section 5). A journal's header names
// the writer of its entries: the incarnation id with which that process registers, the epoch of the
// registration before it, and the highest quorum epoch it has seen. On start the broker reads the
// evidence from the metadata log and quorum-state as they lie on disk, before its first election
// and before it registers, and hands it to Storage::recover(). If the evidence shows that anything
// else ran on the directory since (a later registration of this node by somebody else, a higher
// quorum epoch, or a clean-shutdown marker beside a journal that is not sealed), the journal is
// discarded. From then on the header names `incarnation`, which the broker must register with.
// Value types; any loop.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/uuid.h"

namespace moldau::storage {

struct Registration {
  base::Uuid incarnation;
  base::BrokerEpoch epoch{-1};

  friend bool operator==(const Registration&, const Registration&) = default;
};

struct JournalEvidence {
  // The newest registration of this node in its copy of the metadata log (committed or not).
  std::optional<Registration> latest_registration;
  // The highest epoch in quorum-state and the metadata log.
  base::LeaderEpoch quorum_epoch{0};
  // What this process will register with: fresh for each start.
  base::Uuid incarnation;
};

}  // namespace moldau::storage
