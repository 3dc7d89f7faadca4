// How many cores a process may use, from the texts that Linux keeps about it and its affinity mask.
#pragma once

#include <cstddef>
#include <optional>
#include <sched.h>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::io::internal {

// Whole cores of a quota, rounded up; nothing when there is none.
// cgroup v2, cpu.max: "150000 100000" is 2, "max 100000" is none.
[[nodiscard]] std::optional<std::size_t> cores_of_cpu_max(std::string_view text);
// cgroup v1, cpu.cfs_quota_us and cpu.cfs_period_us: -1 is none.
[[nodiscard]] std::optional<std::size_t> cores_of_cfs(std::string_view quota,
                                                      std::string_view period);

// Folders whose quota binds this process, from the text of /proc/self/cgroup: its own cgroup and
// all above, as seen below the usual mount points.
struct CgroupFolders {
  std::vector<std::string> v2;
  std::vector<std::string> v1;
};
[[nodiscard]] CgroupFolders cgroup_folders(std::string_view proc_self_cgroup);

// CPUs of the calling thread's affinity mask, at least one.
using AffinityCall = int (*)(pid_t, std::size_t, cpu_set_t*);
[[nodiscard]] std::size_t affinity_cores(AffinityCall call = &::sched_getaffinity);

// What the quotas of the cgroups below `root` (a folder in place of /) leave of the affinity's
// cores, at least one.
[[nodiscard]] std::size_t cores_of(const std::string& root, std::string_view proc_self_cgroup,
                                   std::size_t affinity);

}  // namespace moldau::io::internal
