#!/usr/bin/env python3
"""A short run of every row on both systems: each must give all of its figures, whatever they are.

usage: smoke.py MOLDAU LOG_FOLDER     closes with `N passed, N failed`
"""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LOAD = ["records/s", "broker CPU, us a record", "most memory, MB", "client CPU, us a record",
        "client, % of a core"]
PRODUCE = ["MB/s", *LOAD]
EXPECTED = {
    "start": ["first answer, ms", "slowest first answer, ms", "idle memory, MB"],
    "produce 1 KiB on 1": PRODUCE,
    "produce 1 KiB on 16": PRODUCE,
    "produce 1 KiB on 256, keyed": PRODUCE,
    "produce 100 B on 16": PRODUCE,
    "end to end": ["p50, ms", "p99, ms", "p99.9, ms", *LOAD],
    "restart after kill -9": ["first answer, ms", "every end offset, ms",
                              "broker CPU until then, s", "acknowledged before, GB"],
}
# Figures of another process than the broker (a shell around it, say) are far below these.
IDLE_MEMORY_MB_MIN = {"Kafka": 100, "Moldau": 3}
BROKER_CORE_MIN = 0.05


def start(moldau, logs, system):
    """Both systems at once: this is no comparison, and it should not take long."""
    command = [HERE / "compare", "--only", system, "--rounds", "1", "--seconds", "2", "--warmup",
               "0", "--pause", "0", "--rate", "2000", "--together", "--moldau", moldau, "--folder",
               logs / f"data-{system}", "--json", figures_file(logs, system)]
    figures_file(logs, system).unlink(missing_ok=True)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def figures_file(logs, system):
    return logs / f"{system}.json"


def implausible(found, system):
    """What no broker's own process would show."""
    idle = found.get(("start", "idle memory, MB", system), 0)
    if idle < IDLE_MEMORY_MB_MIN[system]:
        yield f"idle memory of {system}: {idle} MB"
    for row, metrics in EXPECTED.items():
        if metrics != PRODUCE:
            continue
        core = (found.get((row, "broker CPU, us a record", system), 0) / 1e6 *
                found.get((row, "records/s", system), 0))
        if core < BROKER_CORE_MIN:
            yield f"{row} on {system}: the broker took {core:.3f} of a core"


def main():
    moldau, logs = sys.argv[1], pathlib.Path(sys.argv[2])
    running = {system: start(moldau, logs, system) for system in ("Kafka", "Moldau")}
    found, passed, failed = {}, 0, 0
    for system, process in running.items():
        if process.wait() == 0:
            passed += 1
        else:
            failed += 1
            print(f"FAIL compare --only {system} ended with {process.returncode}")
        if figures_file(logs, system).exists():
            document = json.loads(figures_file(logs, system).read_text("utf-8"))
            for entry in (entry for each in document["rounds"] for entry in each):
                found[entry["row"], entry["figure"], system] = entry[system]
    for row, metrics in EXPECTED.items():
        for system in ("Kafka", "Moldau"):
            without = [metric for metric in metrics
                       if not found.get((row, metric, system), 0) > 0]
            if without:
                print(f"FAIL {row} on {system}: no figure for {', '.join(without)}")
            failed += bool(without)
            passed += not without
    for system in running:
        wrong = list(implausible(found, system))
        for what in wrong:
            print(f"FAIL {what}")
        failed += bool(wrong)
        passed += not wrong
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
