#!/usr/bin/env python3
"""The schema language refuses what it should, and the generator says what it should."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generator import codec, header  # noqa: E402
from generator.model import SchemaError  # noqa: E402
from generator.parse import Parser, parse_all, snake  # noqa: E402

HEAD = "request Probe key 1 versions 2-9 flexible 5+ on broker\n\n"


def parse(text, name="probe_request.schema"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        return Parser(path).parse()


class LanguageTest(unittest.TestCase):
    def field(self, line):
        return parse(HEAD + line + "\n").body.fields[0]

    def refused(self, text, rule):
        with self.assertRaises(SchemaError) as raised:
            parse(text)
        self.assertIn(rule, str(raised.exception))

    def test_versions(self):
        self.assertEqual(self.field("a: int32").versions, (2, 9))
        self.assertEqual(self.field("a: int32 4+").versions, (4, 9))
        self.assertEqual(self.field("a: int32 -4").versions, (2, 4))
        self.assertEqual(self.field("a: int32 3-4").versions, (3, 4))
        self.assertEqual(self.field("a: int32 7").versions, (7, 7))

    def test_words(self):
        field = self.field("a: [broker_id]?6+ 5+ tag 3 ignorable = null  # why")
        self.assertTrue(field.is_array)
        self.assertEqual(field.type_name, "broker_id")
        self.assertEqual((field.versions, field.nullable_from), ((5, 9), 6))
        self.assertEqual((field.tag, field.ignorable, field.default), (3, True, "null"))

    def test_structs_follow_those_they_use(self):
        message = parse(HEAD + "a: [Outer]\n  b: Inner\n    c: int8\n  d: Shared\ne: Shared\n\n"
                        "struct Shared 3+\n  f: int8\n")
        self.assertEqual([s.name for s in message.structs], ["Inner", "Shared", "Outer"])
        self.assertEqual(message.structs[1].versions, (3, 9))

    def test_refusals(self):
        self.refused("question Probe key 1\n", "begins with one of")
        self.refused(HEAD + "a int32\n", "a field is")
        self.refused(HEAD + "a: Missing\n", "no type Missing")
        self.refused(HEAD + "a: int32\na: int8\n", "there twice")
        self.refused(HEAD + "a: int32 1-3\n", "versions that")
        self.refused(HEAD + "a: int32 x+\n", "bad versions")
        self.refused(HEAD + "a: int8 tag 0\n", "inflexible version")
        self.refused(HEAD + "a: int8 5+ tag 0\nb: int8 5+ tag 0\n", "a tag twice")
        self.refused(HEAD + "a: records? 5+ tag 0\n", "cannot be tagged")
        self.refused(HEAD + "a: string = x\n", "cannot have the default")
        self.refused(HEAD + "a: [int8] = 3\n", "cannot have the default")
        self.refused(HEAD + "a: int8 = null\n", "cannot have the default")
        self.refused(HEAD + "   a: int8\n", "indentation")
        self.refused(HEAD + "a: int8\n\nstruct Alone\n  b: int8\n", "no field uses")
        self.refused(HEAD.replace("Probe", "Other") + "a: int8\n", "belongs in")

    def test_file_names(self):
        self.assertEqual(snake("KRaftVersionRecord"), "kraft_version_record")
        self.assertEqual(snake("AddPartitionsToTxnRequest"), "add_partitions_to_txn_request")


class OutputTest(unittest.TestCase):
    def test_absent_fields_are_guarded_and_refused(self):
        text = codec.write(parse(HEAD + "a: int32 4+ = -1\nb: int32 4+ ignorable\n"))
        self.assertIn("if (version >= 4) put(out, m.a, flexible);", text)
        self.assertIn("if (!(version >= 4) && !(m.a == -1)) {", text)
        self.assertNotIn("!(m.b == 0)", text)

    def test_defaults(self):
        text = header.write(parse(HEAD + "a: offset = -1\nb: string? = null\nc: [int8]?\n"))
        self.assertIn("base::Offset a{-1};", text)
        self.assertIn("std::optional<std::string> b;", text)
        self.assertIn("std::optional<std::vector<std::int8_t>> c{std::in_place};", text)

    def test_the_repositorys_schemas_are_well_formed(self):
        messages = parse_all(HERE)
        self.assertGreater(len(messages), 270)


if __name__ == "__main__":
    unittest.main()
