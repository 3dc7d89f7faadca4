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

    def refused(self, text, rule, name="probe_request.schema"):
        with self.assertRaises(SchemaError) as raised:
            parse(text, name)
        self.assertIn(rule, str(raised.exception))

    def test_versions(self):
        self.assertEqual(self.field("a: int32").versions, (2, 9))
        self.assertEqual(self.field("a: int32 4+").versions, (4, 9))
        self.assertEqual(self.field("a: int32 -4").versions, (2, 4))
        self.assertEqual(self.field("a: int32 3-4").versions, (3, 4))
        self.assertEqual(self.field("a: int32 7").versions, (7, 7))

    def test_words(self):
        field = self.field("a: [broker_id]?6+ 5+ tag 0 ignorable = null  # why")
        self.assertTrue(field.is_array)
        self.assertEqual(field.type_name, "broker_id")
        self.assertEqual((field.versions, field.nullable_from), ((5, 9), 6))
        self.assertEqual((field.tag, field.ignorable, field.default), (0, True, "null"))

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

    def test_refused_heads(self):
        body = "\n\na: int8\n"
        self.refused("request Probe key 1 versions 9-2" + body, "schema:1: bad versions '9-2'")
        self.refused("request Probe key 1 versions 0-32768" + body, "bad versions")
        self.refused("request Probe versions 2-9" + body, "schema:1: a message of kind request n")
        self.refused("response Probe versions 2-9" + body, "kind response needs a key",
                     "probe_response.schema")
        self.refused("metadata ProbeRequest versions 2-9" + body, "kind metadata needs a key")
        self.refused("data ProbeRequest key 1 versions 2-9" + body, "kind data has no key")
        self.refused("request Probe key x versions 2-9" + body, "schema:1: 'key' needs a number")
        self.refused("request Probe key 32768 versions 2-9" + body, "'key' needs a number")
        self.refused(HEAD.strip() + " stable x" + body, "'stable' needs a number")
        self.refused(HEAD.replace("5+", "x+") + body, "'flexible' needs a number")
        self.refused(HEAD.strip() + " stable 10" + body, "schema:1: stable 10 is none of")
        self.refused(HEAD.strip() + " stable 1" + body, "stable 1 is none of")
        self.refused(HEAD.replace("broker", "broker,brokre") + body, "schema:1: no listener is")

    def test_refused_versions(self):
        self.refused(HEAD + "a: int32 9-3\n", "schema:3: bad versions '9-3'")
        self.refused(HEAD + "a: int32 10+\n", "bad versions '10+'")
        self.refused(HEAD + "a: int32 -1\n", "bad versions '-1'")
        self.refused(HEAD + "a: int32 3+ 4+\n", "schema:3: a says its versions twice")
        self.refused(HEAD + "a: S\n\nstruct S 9-3\n  b: int8\n", "schema:5: bad versions '9-3'")
        self.refused(HEAD + "a: S\n\nstruct S 3+ 4+\n  b: int8\n", "a common struct is")

    def test_refused_tags(self):
        self.refused(HEAD + "a: int8 5+ tag\n", "schema:3: 'tag' needs a number")
        self.refused(HEAD + "a: int8 5+ tag x\n", "'tag' needs a number")
        self.refused(HEAD + "a: int8 5+ tag -1\n", "'tag' needs a number")
        self.refused(HEAD + "a: int8 5+ tag 0 tag 1\n", "says its tag twice")
        self.refused(HEAD + "a: int8 5+ tag 1\n", "schema:3: ProbeRequest.a: no field has tag 0")
        self.refused(HEAD + "a: int8 5+ tag 0\nb: int8\nc: int8 5+ tag 2\n",
                     "schema:5: ProbeRequest.c: no field has tag 1")

    def test_refused_nulls(self):
        self.refused(HEAD + "a: string?12+\n", "schema:3: a may be null from a version")
        self.refused(HEAD + "a: string?7+ 3-6\n", "a may be null from a version")
        self.refused(HEAD + "a: string?3+ 4+\n", "a may be null from a version")
        for type_name in ("bool", "int8", "float64", "offset", "uuid", "error_code"):
            self.refused(HEAD + f"a: {type_name}?\n", f"schema:3: a cannot be null: {type_name}")

    def test_refused_defaults(self):
        for field in ("int32 = banana", "int8 = 300", "int8 = -129", "uint16 = -1", "bool = 7",
                      "uint32 = 4294967296", "int32 = 010", "int32 = 1_000", "int16 = 1.0",
                      "float64 = 1e400", "float64 = nan", "producer_epoch = 32768",
                      "milliseconds = 2147483648", "offset = -9223372036854775808", "offset? = 3",
                      "string? = 3", "uuid = 0", "error_code = 3", "records = 3"):
            value = field.partition(" = ")[2]
            self.refused(HEAD + f"a: {field}\n", f"schema:3: a cannot have the default {value}")

    def test_defaults_at_the_limits(self):
        for field in ("int8 = -128", "int8 = 127", "uint32 = 4294967295", "bool = true",
                      "int32 = -2147483648", "offset = 9223372036854775807", "float64 = -1.5e3"):
            self.assertEqual(self.field(f"a: {field}").default, field.partition(" = ")[2])

    def test_refused_structs_in_themselves(self):
        self.refused(HEAD + "a: S\n\nstruct S\n  b: int8\n  c: S\n",
                     "schema:7: S.c: S contains itself")
        self.refused(HEAD + "a: S\n\nstruct S\n  b: [T]\n    c: S\n", "T.c: S contains itself")

    def test_a_key_belongs_to_one_message_of_a_kind(self):
        heads = {"a_request": "request A key 1", "a_response": "response A key 1",
                 "b_request": "request B key 1"}
        with tempfile.TemporaryDirectory() as folder:
            for stem, head in heads.items():
                (Path(folder) / f"{stem}.schema").write_text(f"{head}\n\na: int8\n")
            with self.assertRaises(SchemaError) as raised:
                parse_all(Path(folder))
            self.assertIn("b_request.schema:1: ARequest has key 1, too", str(raised.exception))
            (Path(folder) / "b_request.schema").unlink()
            self.assertEqual(len(parse_all(Path(folder))), 2)

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
