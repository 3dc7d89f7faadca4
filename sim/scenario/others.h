// What somebody else, such as Apache Kafka, does to the data directory of a broker that does not
// run: the quorum comes to a higher epoch, and the log of one partition loses its last batch, as
// by a truncation, and may get another one in its place. All of it is in the page cache, so a
// broker that starts afterwards needs nothing of its journal, and must use nothing. Coroutines of
// the machine's first loop.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "rt/disk.h"
#include "rt/task.h"

namespace moldau::sim {

struct OthersRun {
  std::string data_directory;
  std::string partition;  // name of its directory
  bool appends = false;
  std::string key;  // of the record that is appended
  std::string value;
  base::Timestamp now{0};
};

// The offset that the log was cut back to, and at which the record was appended.
[[nodiscard]] rt::Task<base::Offset> others_run(rt::Disk& disk, OthersRun run);

}  // namespace moldau::sim
