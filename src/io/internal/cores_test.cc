#include "io/internal/cores.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "io/internal/testing.h"
#include "io/runtime.h"

namespace moldau::io::internal {
namespace {

TEST(Cores, ReadsAQuotaOfCgroupV2) {
  EXPECT_EQ(cores_of_cpu_max("200000 100000\n"), 2U);
  EXPECT_EQ(cores_of_cpu_max("150000 100000\n"), 2U);
  EXPECT_EQ(cores_of_cpu_max("10000 100000\n"), 1U);
  EXPECT_EQ(cores_of_cpu_max("max 100000\n"), std::nullopt);
  EXPECT_EQ(cores_of_cpu_max(""), std::nullopt);
  EXPECT_EQ(cores_of_cpu_max("nonsense"), std::nullopt);
  EXPECT_EQ(cores_of_cpu_max("100 0"), std::nullopt);
}

TEST(Cores, ReadsAQuotaOfCgroupV1) {
  EXPECT_EQ(cores_of_cfs("350000\n", "100000\n"), 4U);
  EXPECT_EQ(cores_of_cfs("-1\n", "100000\n"), std::nullopt);
  EXPECT_EQ(cores_of_cfs("", ""), std::nullopt);
}

TEST(Cores, LooksAtTheOwnCgroupAndAllAboveIt) {
  const CgroupFolders folders = cgroup_folders(
      "12:memory:/x\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n0::/system.slice/moldau.service\n");
  EXPECT_EQ(folders.v2,
            (std::vector<std::string>{"/sys/fs/cgroup/system.slice/moldau.service",
                                      "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"}));
  EXPECT_EQ(folders.v1, (std::vector<std::string>{
                            "/sys/fs/cgroup/cpu/docker/abc", "/sys/fs/cgroup/cpu/docker",
                            "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct/docker/abc",
                            "/sys/fs/cgroup/cpu,cpuacct/docker", "/sys/fs/cgroup/cpu,cpuacct"}));
  EXPECT_TRUE(cgroup_folders("").v2.empty());
  EXPECT_EQ(cgroup_folders("0::/").v2, (std::vector<std::string>{"/sys/fs/cgroup"}));
  EXPECT_TRUE(cgroup_folders("broken line\n::").v1.empty());
}

void write(const TemporaryFolder& root, const std::string& name, const std::string& text) {
  const std::filesystem::path path = root.file(name);
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(Cores, TheSmallestQuotaOfV2AndTheAffinityCount) {
  constexpr std::string_view kProc = "0::/pod/box\n";
  const TemporaryFolder root;
  EXPECT_EQ(cores_of(root.path(), kProc, 8), 8U);
  write(root, "sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
  EXPECT_EQ(cores_of(root.path(), kProc, 8), 8U);
  write(root, "sys/fs/cgroup/pod/box/cpu.max", "350000 100000\n");
  EXPECT_EQ(cores_of(root.path(), kProc, 8), 4U);
  write(root, "sys/fs/cgroup/pod/cpu.max", "200000 100000\n");
  EXPECT_EQ(cores_of(root.path(), kProc, 8), 2U);
  EXPECT_EQ(cores_of(root.path(), kProc, 1), 1U);
  EXPECT_EQ(cores_of(root.path(), "", 3), 3U);
}

// A container that sees its own cgroup as the root.
TEST(Cores, AQuotaAtTheMountPointCounts) {
  const TemporaryFolder root;
  write(root, "sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(cores_of(root.path(), "0::/\n", 8), 2U);
}

TEST(Cores, TheQuotaOfV1Counts) {
  constexpr std::string_view kProc = "4:cpu,cpuacct:/box\n";
  const TemporaryFolder root;
  write(root, "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  write(root, "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cores_of(root.path(), kProc, 8), 8U);
  write(root, "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(cores_of(root.path(), kProc, 8), 3U);
}

TEST(Cores, TheAffinityOfTheThreadBindsIt) {
  std::size_t bound = 0;
  std::thread([&] {
    cpu_set_t mask;
    ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    ASSERT_EQ(::sched_setaffinity(0, sizeof mask, &mask), 0);
    bound = available_cores();
  }).join();
  EXPECT_EQ(bound, 1U);
}

// A machine of 8,192 possible CPUs, of which the process may use three.
int large_machine(pid_t, std::size_t size, cpu_set_t* set) {
  if (size < 8192 / 8) {
    errno = EINVAL;
    return -1;
  }
  CPU_ZERO_S(size, set);
  for (const int cpu : {0, 1024, 8191}) CPU_SET_S(cpu, size, set);
  return 0;
}
int no_affinity(pid_t, std::size_t, cpu_set_t*) {
  errno = EPERM;
  return -1;
}

TEST(Cores, AMachineOfMoreThan1024CpusIsNotTakenForOneOfOne) {
  EXPECT_EQ(affinity_cores(&large_machine), 3U);
  EXPECT_EQ(affinity_cores(&no_affinity), 1U);
}

}  // namespace
}  // namespace moldau::io::internal
