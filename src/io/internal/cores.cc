#include "io/internal/cores.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sched.h>

#include "io/runtime.h"

namespace moldau::io::internal {

namespace {

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::size_t> quota_cores(std::optional<std::int64_t> quota,
                                       std::optional<std::int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<std::size_t>((*quota - 1) / *period + 1);
}

// The folder and those above it, up to the mount point.
void add_with_parents(std::vector<std::string>& folders, const std::string& mount,
                      std::string_view path) {
  while (path.size() > 1) {
    folders.push_back(mount + std::string(path));
    path = path.substr(0, path.rfind('/'));
  }
  folders.push_back(mount);
}

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

std::optional<std::size_t> cores_of_cpu_max(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return quota_cores(number_in(text.substr(0, space)), number_in(text.substr(space + 1)));
}

std::optional<std::size_t> cores_of_cfs(std::string_view quota, std::string_view period) {
  return quota_cores(number_in(quota), number_in(period));
}

std::size_t affinity_cores(AffinityCall call) {
  constexpr std::size_t kCpusMax = 1 << 20;
  // The kernel refuses a set that is smaller than the one it keeps, whatever is in it.
  for (std::size_t cpus = CPU_SETSIZE; cpus <= kCpusMax; cpus *= 2) {
    const std::size_t size = CPU_ALLOC_SIZE(cpus);
    std::vector<cpu_set_t> sets(size / sizeof(cpu_set_t));
    if (call(0, size, sets.data()) == 0) {
      return static_cast<std::size_t>(std::max(1, CPU_COUNT_S(size, sets.data())));
    }
    if (errno != EINVAL) break;
  }
  return 1;
}

std::size_t cores_of(const std::string& root, std::string_view proc_self_cgroup,
                     std::size_t affinity) {
  std::size_t cores = affinity;
  const CgroupFolders folders = cgroup_folders(proc_self_cgroup);
  for (const std::string& folder : folders.v2) {
    const std::string quota = file_text(root + folder + "/cpu.max");
    cores = std::min(cores, cores_of_cpu_max(quota).value_or(cores));
  }
  for (const std::string& folder : folders.v1) {
    const auto quota = cores_of_cfs(file_text(root + folder + "/cpu.cfs_quota_us"),
                                    file_text(root + folder + "/cpu.cfs_period_us"));
    cores = std::min(cores, quota.value_or(cores));
  }
  return std::max<std::size_t>(1, cores);
}

CgroupFolders cgroup_folders(std::string_view proc_self_cgroup) {
  CgroupFolders folders;
  while (!proc_self_cgroup.empty()) {
    const std::string_view line = proc_self_cgroup.substr(0, proc_self_cgroup.find('\n'));
    proc_self_cgroup.remove_prefix(std::min(line.size() + 1, proc_self_cgroup.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (controllers.empty()) {
      add_with_parents(folders.v2, "/sys/fs/cgroup", path);
      continue;
    }
    if (("," + std::string(controllers) + ",").find(",cpu,") == std::string::npos) continue;
    add_with_parents(folders.v1, "/sys/fs/cgroup/cpu", path);
    add_with_parents(folders.v1, "/sys/fs/cgroup/" + std::string(controllers), path);
  }
  return folders;
}

}  // namespace moldau::io::internal

namespace moldau::io {

std::size_t available_cores() {
  return internal::cores_of("", internal::file_text("/proc/self/cgroup"),
                            internal::affinity_cores());
}

}  // namespace moldau::io
