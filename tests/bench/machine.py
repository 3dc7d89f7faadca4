"""What the comparison runs on, and what else kept it busy meanwhile."""

import os
import pathlib
import platform
import shutil
import time

TICKS = os.sysconf("SC_CLK_TCK")
KERNEL_THREADS = 2  # the process whose children are the kernel's own threads


def describe(folder):
    """One line about what it runs on."""
    memory = pathlib.Path("/proc/meminfo").read_text("ascii").split()[1]
    cores = len(os.sched_getaffinity(0))
    space = shutil.disk_usage(folder)
    return (f"{platform.system()} {platform.release()} {platform.machine()}, {cores} cores "
            f"({processor()}), {int(memory) / 2**20:.1f} GiB memory, {file_system(folder)} "
            f"of {space.total / 2**30:.0f} GiB")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return "unknown processor"


def file_system(folder):
    """The file system and device that hold a folder."""
    best = ("", "unknown file system", "")
    where = str(pathlib.Path(folder).resolve())
    for line in pathlib.Path("/proc/mounts").read_text("utf-8").splitlines():
        device, point, kind = line.split()[:3]
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, kind, device)
    return f"{best[1]} on {best[2]}"


def process_fields(text):
    """The fields of a /proc/<pid>/stat behind the name, which may hold anything."""
    return text.rpartition(")")[2].split()


def kernel_seconds():
    """CPU of the kernel's threads: writeback of what either system wrote, mostly."""
    total = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = pathlib.Path(f"/proc/{entry}/stat").read_text("utf-8", errors="replace")
        except OSError:
            continue
        fields = process_fields(text)
        if int(fields[1]) == KERNEL_THREADS:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Activity:
    """CPU of the whole machine since its making: how quiet it was beside broker and client."""

    def __init__(self):
        self.started = self.sample()

    @staticmethod
    def sample():
        fields = pathlib.Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]
        user, nice, system = (int(field) for field in fields[:3])
        own = os.times()
        return {"wall": time.monotonic(), "busy": (user + nice + system) / TICKS,
                "steal": int(fields[7]) / TICKS, "kernel": kernel_seconds(),
                "own": own.user + own.system}

    def ended(self, measured_seconds):
        """Seconds of wall time; of a core, in percent: all others, kernel threads, steal."""
        now = self.sample()
        gone = {name: now[name] - self.started[name] for name in now}
        others = gone["busy"] - gone["kernel"] - gone["own"] - measured_seconds
        percent = 100 / gone["wall"]
        return {"wall": gone["wall"], "others": max(0.0, others) * percent,
                "kernel": gone["kernel"] * percent, "steal": gone["steal"] * percent}
