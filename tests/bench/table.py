"""Figures of all rounds: medians, spread, the ratios of each round's pair; as text, Markdown, JSON.

A round holds at most one value a row, figure and system. Ratios are made within a round, where both
systems met the same machine, and their median is what counts: what drifts from round to round
cancels.
"""

import json
import pathlib
import statistics

SYSTEMS = ("Kafka", "Moldau")
CPU = "broker CPU, us a record"
CLIENT_CORE = "client, % of a core"
OTHERS = "others and steal, % of a core"
CLIENT_BOUND_PERCENT = 85
QUIET_PERCENT = 5


class FileError(Exception):
    pass


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Figures:
    """rounds[n][row, figure][system] = value."""

    def __init__(self):
        self.rounds = []
        self.failures = []

    def begin_round(self):
        self.rounds.append({})

    def add(self, row, metric, system, value):
        self.rounds[-1].setdefault((row, metric), {})[system] = value

    def fail(self, row, system, message):
        self.failures.append({"round": len(self.rounds), "row": row, "system": system,
                              "message": message})

    def keys(self):
        """Every (row, figure), rows together, both in the order of their first coming."""
        found = list(dict.fromkeys(key for each in self.rounds for key in each))
        rows = list(dict.fromkeys(row for row, _ in found))
        return sorted(found, key=lambda key: rows.index(key[0]))

    def values(self, row, metric, system):
        pairs = (each.get((row, metric), {}) for each in self.rounds)
        return [pair[system] for pair in pairs if system in pair]

    def median(self, row, metric, system):
        found = self.values(row, metric, system)
        return statistics.median(found) if found else None

    def ratios(self, row, metric):
        """Moldau by Kafka, of each round that has both."""
        pairs = (each.get((row, metric), {}) for each in self.rounds)
        return [pair["Moldau"] / pair["Kafka"] for pair in pairs
                if len(pair) == len(SYSTEMS) and pair["Kafka"] > 0]

    def ratio(self, row, metric):
        found = self.ratios(row, metric)
        return statistics.median(found) if found else None

    def keep_pairs(self):
        """Drops what only one system has, and rounds of which nothing is left."""
        for at, each in enumerate(self.rounds):
            self.rounds[at] = {key: pair for key, pair in each.items()
                               if len(pair) == len(SYSTEMS)}
        self.rounds = [each for each in self.rounds if each]

    def cells(self):
        lines = [["row", "figure", "Kafka", "spread", "Moldau", "spread", "Moldau / Kafka",
                  "spread"]]
        for row, metric in self.keys():
            line = [row, metric]
            rounds = sum((row, metric) in each for each in self.rounds)
            for found in (*(self.values(row, metric, system) for system in SYSTEMS),
                          self.ratios(row, metric)):
                line += spread_of(found, rounds)
            lines.append(line)
        return lines

    def notes(self):
        """Rows whose figures say something about the client or the machine as well."""
        found = []
        for row, metric in self.keys():
            for system in SYSTEMS:
                values = self.values(row, metric, system)
                if metric == CLIENT_CORE and max(values, default=0) > CLIENT_BOUND_PERCENT:
                    found.append(f"{row} on {system}: the client took {number(max(values))} % of "
                                 f"a core, so a faster broker might not show in records/s")
                if metric == OTHERS and max(values, default=0) > QUIET_PERCENT:
                    found.append(f"{row} on {system}: others took up to {number(max(values))} % "
                                 f"of a core meanwhile")
        return found


def spread_of(values, rounds):
    if not values:
        return ["-", "-"]
    spread = f"{number(min(values))} - {number(max(values))}"
    missing = "" if len(values) == rounds else f" ({len(values)} of {rounds})"
    return [number(statistics.median(values)), spread + missing]


def save(path, figures, sessions):
    """All of it as JSON, whole at every moment."""
    rounds = [[{"row": row, "figure": metric, **pair} for (row, metric), pair in each.items()]
              for each in figures.rounds]
    document = {"sessions": sessions, "rounds": rounds, "failures": figures.failures}
    beside = pathlib.Path(f"{path}.new")
    beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    beside.rename(path)


def load(path):
    """(Figures of the complete pairs, sessions) that save() wrote."""
    try:
        document = json.loads(pathlib.Path(path).read_text("utf-8"))
        figures = Figures()
        figures.failures = document["failures"]
        for each in document["rounds"]:
            figures.rounds.append({
                (entry["row"], entry["figure"]):
                    {system: entry[system] for system in SYSTEMS if system in entry}
                for entry in each})
        sessions = document["sessions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path} holds no figures of compare: {error}") from None
    figures.keep_pairs()
    return figures, sessions


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
    out.insert(1, "|---|---|--:|--:|--:|--:|--:|--:|")
    return "\n".join(out)


def targets(figures):
    """(text, figure, met) of each promise of the design whose row ran."""
    found = []

    def check(text, figure, met):
        if figure is not None:
            found.append((text, figure, met(figure)))

    check("ready from exec, ms, at most 50", figures.median("start", "first answer, ms", "Moldau"),
          lambda figure: figure <= 50)
    check("idle memory, MB, at most 30", figures.median("start", "idle memory, MB", "Moldau"),
          lambda figure: figure <= 30)
    for row, metric in figures.keys():
        if row.startswith("produce") and metric == CPU:
            check(f"{row}: broker CPU a record by Kafka's, at most 0.5",
                  figures.ratio(row, metric), lambda figure: figure <= 0.5)
        if row == "end to end" and metric == "p99, ms":
            check(f"{row}: p99 by Kafka's, below 1", figures.ratio(row, metric),
                  lambda figure: figure < 1)
    return found
