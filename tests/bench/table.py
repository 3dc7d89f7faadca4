"""Medians, spread and ratios of the figures of all rounds, as text and as Markdown."""

import os
import pathlib
import platform
import shutil
import statistics

SYSTEMS = ("Kafka", "Moldau")


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Figures:
    """figures[(row, metric)][system] = one value a round, in the order of their first coming."""

    def __init__(self):
        self.values = {}
        self.failures = []

    def add(self, row, metric, system, value):
        self.values.setdefault((row, metric), {}).setdefault(system, []).append(value)

    def fail(self, row, system, message):
        self.failures.append((row, system, message))

    def median(self, row, metric, system):
        found = self.values.get((row, metric), {}).get(system)
        return statistics.median(found) if found else None

    def ratio(self, row, metric):
        """Moldau's median by Kafka's; None without both."""
        kafka, moldau = (self.median(row, metric, system) for system in SYSTEMS)
        return moldau / kafka if kafka and moldau is not None else None

    def cells(self):
        lines = [["row", "figure", "Kafka", "spread", "Moldau", "spread", "Moldau / Kafka"]]
        for (row, metric), by_system in self.values.items():
            line = [row, metric]
            for system in SYSTEMS:
                found = by_system.get(system)
                if not found:
                    line += ["-", "-"]
                    continue
                line += [number(statistics.median(found)),
                         f"{number(min(found))} - {number(max(found))}"]
            ratio = self.ratio(row, metric)
            lines.append(line + ["-" if ratio is None else f"{ratio:.2f}"])
        return lines


def as_text(lines):
    widths = [max(map(len, column)) for column in zip(*lines)]
    out, before = [], None
    for line in lines:
        shown = ["" if line[0] == before else line[0]] + line[1:]
        before = line[0]
        out.append("  ".join(cell.ljust(width) if at < 2 else cell.rjust(width)
                             for at, (cell, width) in enumerate(zip(shown, widths))).rstrip())
    return "\n".join(out)


def as_markdown(lines):
    out = ["| " + " | ".join(line) + " |" for line in lines]
    out.insert(1, "|---|---|--:|--:|--:|--:|--:|")
    return "\n".join(out)


def machine(folder):
    """One line about what it ran on."""
    memory = pathlib.Path("/proc/meminfo").read_text("ascii").split()[1]
    cores = len(os.sched_getaffinity(0))
    space = shutil.disk_usage(folder)
    return (f"{platform.system()} {platform.release()} {platform.machine()}, {cores} cores "
            f"({processor()}), {int(memory) / 2**20:.1f} GiB memory, {file_system(folder)}, "
            f"{space.free / 2**30:.0f} of {space.total / 2**30:.0f} GiB free")


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


# What the design promises: row, metric, how the figure is made, its bound, in words.
def targets(figures):
    """(text, figure or None, met) of each promise whose row ran."""
    found = []

    def check(text, figure, bound):
        if figure is not None:
            found.append((text, figure, figure <= bound))

    check("ready from exec, ms, at most 50", figures.median("start", "first answer, ms", "Moldau"),
          50)
    check("idle memory, MB, at most 30", figures.median("start", "idle memory, MB", "Moldau"), 30)
    for row, metric in figures.values:
        if row.startswith("produce") and metric == CPU:
            check(f"{row}: broker CPU a record by Kafka's, at most 0.5",
                  figures.ratio(row, metric), 0.5)
        if row == "end to end" and metric == "p99, ms":
            check(f"{row}: p99 by Kafka's, below 1", figures.ratio(row, metric), 0.9999)
    return found


CPU = "broker CPU, us a record"
