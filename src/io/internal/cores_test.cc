#include "io/internal/cores.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace moldau::io::internal
