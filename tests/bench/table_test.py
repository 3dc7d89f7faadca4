#!/usr/bin/env python3
"""What docs/performance.md is made of: ratios within a round, medians, promises, complete pairs."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import table  # noqa: E402

ROW, METRIC = "produce 1 KiB on 1", "records/s"
EXIT_MISSED = 3  # as docs/performance.md says


def figures_of(*rounds, row=ROW, metric=METRIC):
    """Rounds of (Kafka's, Moldau's) figure; None is one that a system does not have."""
    figures = table.Figures()
    for pair in rounds:
        figures.begin_round()
        for system, value in zip(table.SYSTEMS, pair):
            if value is not None:
                figures.add(row, metric, system, value)
    return figures


def promised(ready=50, memory=30, cpu=(10, 5), p99=(2, 1.9)):
    """One round that has a figure for each promise, all of them just kept."""
    figures = table.Figures()
    figures.begin_round()
    figures.add("start", "first answer, ms", "Moldau", ready)
    figures.add("start", "idle memory, MB", "Moldau", memory)
    for row, metric, pair in ((ROW, table.CPU, cpu), ("end to end", "p99, ms", p99)):
        for system, value in zip(table.SYSTEMS, pair):
            figures.add(row, metric, system, value)
    return figures


class Ratio(unittest.TestCase):
    def test_is_made_within_each_round(self):
        figures = figures_of((100, 20), (10, 30), (1000, 2000))
        self.assertEqual(figures.ratios(ROW, METRIC), [0.2, 3, 2])
        # By the medians of both it would be 0.3, and by the means 1.85.
        self.assertEqual(figures.ratio(ROW, METRIC), 2)

    def test_needs_both_systems_in_the_round(self):
        figures = figures_of((100, None), (None, 30), (10, 40))
        self.assertEqual(figures.ratios(ROW, METRIC), [4])

    def test_is_absent_without_a_pair_or_by_zero(self):
        self.assertIsNone(figures_of((100, None), (None, 30)).ratio(ROW, METRIC))
        self.assertIsNone(figures_of((0, 30)).ratio(ROW, METRIC))
        self.assertIsNone(figures_of((100, 30)).ratio(ROW, "MB/s"))


class Median(unittest.TestCase):
    def test_is_of_what_one_system_has(self):
        figures = figures_of((1, None), (None, 9), (5, None), (100, 7))
        self.assertEqual(figures.median(ROW, METRIC, "Kafka"), 5)
        self.assertEqual(figures.median(ROW, METRIC, "Moldau"), 8)

    def test_is_absent_without_a_figure(self):
        self.assertIsNone(figures_of((1, None)).median(ROW, METRIC, "Moldau"))


class Cells(unittest.TestCase):
    def test_a_line_has_medians_spreads_and_the_ratio(self):
        lines = figures_of((100, 20), (10, 30), (1000, 2000)).cells()
        self.assertEqual(lines[1:], [[ROW, METRIC, "100", "10 - 1,000", "30", "20 - 2,000", "2",
                                      "0.2 - 3"]])

    def test_a_missing_round_is_said(self):
        line = figures_of((100, 20), (None, 30), (300, 40)).cells()[1]
        self.assertEqual(line[2:], ["200", "100 - 300 (2 of 3)", "30", "20 - 40", "0.167",
                                    "0.133 - 0.2 (2 of 3)"])

    def test_nothing_is_a_dash(self):
        self.assertEqual(figures_of((100, None)).cells()[1][4:], ["-", "-", "-", "-"])

    def test_rows_stay_together_in_the_order_of_their_coming(self):
        figures = table.Figures()
        figures.begin_round()
        for row, metric in (("b", "y"), ("a", "x"), ("b", "x")):
            figures.add(row, metric, "Kafka", 1)
        self.assertEqual(figures.keys(), [("b", "y"), ("b", "x"), ("a", "x")])

    def test_markdown_has_a_column_for_each_cell(self):
        lines = table.as_markdown(figures_of((100, 20)).cells()).splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual({line.count("|") for line in lines}, {9})


class Notes(unittest.TestCase):
    def test_a_busy_client_and_a_busy_machine_are_said(self):
        limits = ((table.CLIENT_CORE, table.CLIENT_BOUND_PERCENT),
                  (table.OTHERS, table.QUIET_PERCENT))
        for metric, limit in limits:
            self.assertEqual(figures_of((limit, limit), metric=metric).notes(), [])
            found = figures_of((limit, limit + 1), (limit, limit), metric=metric).notes()
            self.assertEqual([f"{ROW} on Moldau" in note for note in found], [True], metric)


class Promises(unittest.TestCase):
    def met(self, figures):
        return [met for _, _, met in table.targets(figures)]

    def test_at_the_limit_they_are_met(self):
        self.assertEqual(self.met(promised()), [True] * 4)

    def test_each_can_be_missed(self):
        for place, beyond in enumerate(({"ready": 50.1}, {"memory": 30.1}, {"cpu": (10, 5.01)},
                                        {"p99": (2, 2)})):
            expected = [at != place for at in range(4)]
            self.assertEqual(self.met(promised(**beyond)), expected, beyond)

    def test_what_did_not_run_is_not_judged(self):
        self.assertEqual(self.met(figures_of((1, 1))), [])
        self.assertEqual(self.met(figures_of((None, 5), metric=table.CPU)), [])

    def test_every_produce_row_is_judged(self):
        figures = promised()
        for system, value in zip(table.SYSTEMS, (10, 6)):
            figures.add("produce 100 B on 16", table.CPU, system, value)
        self.assertEqual(sorted(self.met(figures)), [False] + [True] * 4)

    def test_a_ratio_is_the_median_of_the_rounds(self):
        figures = figures_of((10, 4), (10, 9), (10, 4.5), metric=table.CPU)
        self.assertEqual([figure for _, figure, _ in table.targets(figures)], [0.45])


class File(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "figures.json"

    def save(self, figures):
        table.save(self.path, figures, [{"conditions": "c", "machine": "m"}])

    def test_what_was_saved_is_loaded(self):
        figures = figures_of((100, 20), (10, 30))
        figures.fail(ROW, "Kafka", "why")
        self.save(figures)
        loaded, sessions = table.load(self.path)
        self.assertEqual(loaded.rounds, figures.rounds)
        self.assertEqual(loaded.failures, [{"round": 2, "row": ROW, "system": "Kafka",
                                            "message": "why"}])
        self.assertEqual(sessions, [{"conditions": "c", "machine": "m"}])
        self.assertEqual([path.name for path in self.folder.iterdir()], [self.path.name])

    def test_only_complete_pairs_are_kept(self):
        figures = figures_of((100, None), (10, 30), (None, 20))
        figures.add("start", METRIC, "Kafka", 1)
        figures.add("end to end", METRIC, "Kafka", 2)
        figures.add("end to end", METRIC, "Moldau", 3)
        self.save(figures)
        loaded, _ = table.load(self.path)
        kept = [{(ROW, METRIC): {"Kafka": 10, "Moldau": 30}},
                {("end to end", METRIC): {"Kafka": 2, "Moldau": 3}}]
        self.assertEqual(loaded.rounds, kept)
        figures.keep_pairs()
        self.assertEqual(figures.rounds, kept)

    def test_another_file_is_refused(self):
        for text in ("", "[]", "{}", '{"sessions": [], "failures": [], "rounds": [[{}]]}'):
            self.path.write_text(text, encoding="utf-8")
            with self.assertRaises(table.FileError, msg=text):
                table.load(self.path)
        with self.assertRaises(table.FileError):
            table.load(self.folder / "absent")

    def compare(self, *options):
        """The status of a call that only makes the table; it never runs what it takes for us."""
        done = subprocess.run([HERE / "compare", "--table", "--append", self.path, "--moldau",
                               __file__, "--folder", self.folder / "data", *options],
                              stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def test_check_tells_by_the_exit_status(self):
        for cpu, status, word in (((10, 5), 0, "met"), ((10, 6), EXIT_MISSED, "MISSED")):
            self.save(figures_of((1, None), cpu, metric=table.CPU))
            found, out = self.compare("--check")
            self.assertEqual(found, status, out)
            self.assertIn(f"{word}: {ROW}: broker CPU a record", out)
            self.assertIn("Conditions: 1 rounds;", out)
            self.assertEqual(self.compare()[0], 0)

    def test_the_table_is_no_run(self):
        self.save(figures_of((1, None), (10, 5)))
        before = json.loads(self.path.read_text("utf-8"))
        self.assertEqual(self.compare()[0], 0)
        self.assertEqual(json.loads(self.path.read_text("utf-8")), before)


if __name__ == "__main__":
    unittest.main()
