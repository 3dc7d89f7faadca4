"""Reads the schema language (README.md describes it) into the model and checks its rules."""

import re
from pathlib import Path

from generator import literal
from generator.model import MAX_VERSION, Field, Message, SchemaError, Struct
from generator.types import NULLABLE, SCALARS, struct_name

KINDS = {
    "request", "response", "header", "data", "metadata", "tiered",
    "group_key", "group_value", "transaction_key", "transaction_value", "share_key", "share_value",
}
WITHOUT_KEY = {"header", "data"}
LISTENERS = {"broker", "controller"}
FIELD_WORDS = {"tag", "ignorable", "inflexible"}
NUMBER = re.compile(r"[0-9]+")
FIELD_LINE = re.compile(
    r"(?P<name>[a-z][a-z0-9_]*): "
    r"(?P<open>\[)?(?P<type>[A-Za-z][A-Za-z0-9_]*)(?(open)\])"
    r"(?P<nullable>\?(?P<null_from>\d+\+)?)?"
    r"(?P<rest>( .*)?)$")
VERSIONS = re.compile(r"(\d+)|(\d+)\+|-(\d+)|(\d+)-(\d+)")


def parse_versions(text, parent):
    """'3', '3+', '-3' or '3-5', open ends at the parent's; None when it is something else."""
    match = VERSIONS.fullmatch(text)
    if not match:
        return None
    one, from_, upto, first, last = match.groups()
    if one:
        low, high = int(one), int(one)
    elif from_:
        low, high = int(from_), parent[1]
    elif upto:
        low, high = parent[0], int(upto)
    else:
        low, high = int(first), int(last)
    return (low, high) if low <= high <= MAX_VERSION else None


class Parser:
    def __init__(self, path: Path):
        self.path = path
        self.lines = path.read_text(encoding="utf-8").split("\n")
        self.number = 0
        self.message = None
        self.named = {}

    def error(self, rule, line=None):
        return SchemaError(f"{self.path}:{line or self.number}: {rule}")

    def count(self, word, text):
        if text is None or not NUMBER.fullmatch(text) or int(text) > MAX_VERSION:
            raise self.error(f"'{word}' needs a number from 0 to {MAX_VERSION}")
        return int(text)

    def parse(self) -> Message:
        comment = []
        stack = []  # (indent, struct) from the body inwards
        for number, raw in enumerate(self.lines, 1):
            self.number = number
            text, _, remark = raw.partition("#")
            if self.message is None and not text.strip():
                if remark:
                    comment.append(remark.strip())
                continue
            if not text.strip():
                continue
            indent = len(text) - len(text.lstrip(" "))
            text = text.strip()
            if self.message is None:
                self.message = self.head(text)
                self.message.comment = comment
                stack = [(0, self.message.body)]
            elif text.startswith("struct "):
                stack = [(2, self.common_struct(text))]
            else:
                while stack and stack[-1][0] > indent:
                    stack.pop()
                if not stack or stack[-1][0] != indent:
                    raise self.error("unexpected indentation")
                self.field(text, stack)
        if self.message is None:
            raise self.error("no message")
        self.link()
        return self.message

    def head(self, text):
        words = text.split()
        if len(words) < 2 or words[0] not in KINDS:
            raise self.error(f"a message begins with one of: {', '.join(sorted(KINDS))}")
        kind, name = words[:2]
        suffix = kind.capitalize() if kind in ("request", "response") else ""
        message = Message(kind=kind, name=name + suffix, stem=self.path.stem, versions=(0, 0))
        values = iter(words[2:])
        for word in values:
            if word == "forwardable":
                message.forwardable = True
                continue
            value = next(values, None)
            if value is None:
                raise self.error(f"'{word}' needs a value")
            self.attribute(message, word, value)
        self.check_head(message)
        message.place = f"{self.path}:{self.number}"
        message.body = Struct(message.name, message.versions)
        return message

    def check_head(self, message):
        if snake(message.name) != self.path.stem:
            raise self.error(f"{message.name} belongs in {snake(message.name)}.schema")
        if (message.key is None) != (message.kind in WITHOUT_KEY):
            rule = "needs a key" if message.key is None else "has no key"
            raise self.error(f"a message of kind {message.kind} {rule}")
        low, high = message.versions
        if message.stable is not None and not low <= message.stable <= high:
            raise self.error(f"stable {message.stable} is none of the versions {low}-{high}")
        unknown = set(message.listeners) - LISTENERS
        if unknown:
            raise self.error(f"no listener is called '{min(unknown)}'")

    def attribute(self, message, word, value):
        if word == "key":
            message.key = self.count(word, value)
        elif word == "versions":
            message.versions = parse_versions(value, (0, MAX_VERSION)) or self.bad(value)
        elif word == "stable":
            message.stable = self.count(word, value)
        elif word == "flexible":
            message.flexible = self.count(word, value.removesuffix("+"))
        elif word == "on":
            message.listeners = value.split(",")
        else:
            raise self.error(f"unknown word '{word}'")

    def bad(self, value):
        raise self.error(f"bad versions '{value}'")

    def common_struct(self, text):
        words = text.split()
        versions = self.message.versions
        if len(words) > 3:
            raise self.error("a common struct is 'struct Name [versions]'")
        if len(words) == 3:
            versions = parse_versions(words[2], versions) or self.bad(words[2])
        return self.add_struct(words[1], versions)

    def add_struct(self, name, versions):
        if name in self.named:
            raise self.error(f"struct {name} is defined twice")
        self.named[name] = Struct(name, versions)
        return self.named[name]

    def field(self, text, stack):
        indent, parent = stack[-1]
        match = FIELD_LINE.fullmatch(text)
        if not match:
            raise self.error("a field is 'name: type [versions] [tag N] [ignorable] [= default]'")
        field = Field(match["name"], match["type"], bool(match["open"]), parent.versions,
                      line=self.number)
        words, _, default = match["rest"].partition(" = ")
        field.default = default or None
        self.words(field, words.split(), parent)
        if match["nullable"]:
            null_from = match["null_from"]
            field.nullable_from = int(null_from[:-1]) if null_from else field.versions[0]
        self.check_default(field)
        self.check_null(field)
        if field.versions[0] < parent.versions[0] or field.versions[1] > parent.versions[1]:
            raise self.error(f"{field.name} has versions that {parent.name} has not")
        if any(other.name == field.name for other in parent.fields):
            raise self.error(f"{field.name} is there twice")
        parent.fields.append(field)
        if field.type_name not in SCALARS and self.next_indent() > indent:
            stack.append((indent + 2, self.add_struct(field.type_name, field.versions)))

    def check_default(self, field):
        """Only numbers, true, and null where it is allowed: others the generator would drop."""
        if field.default == "null":
            good = field.nullable_from is not None
        else:
            good = field.default is None or (
                not field.is_array and field.nullable_from is None
                and literal.fits(field.type_name, field.default))
        if not good:
            raise self.error(f"{field.name} cannot have the default {field.default}")

    def check_null(self, field):
        if field.nullable_from is None:
            return
        if not field.is_array and field.type_name in SCALARS.keys() - NULLABLE:
            raise self.error(f"{field.name} cannot be null: {field.type_name} has a fixed size")
        if not field.versions[0] <= field.nullable_from <= field.versions[1]:
            raise self.error(f"{field.name} may be null from a version that it does not have")

    def words(self, field, words, parent):
        values = iter(words)
        seen = set()
        for word in values:
            kind = word if word in FIELD_WORDS else "versions"
            if kind in seen:
                raise self.error(f"{field.name} says its {kind} twice")
            seen.add(kind)
            if word == "tag":
                field.tag = self.count(word, next(values, None))
            elif word == "ignorable":
                field.ignorable = True
            elif word == "inflexible":
                field.inflexible = True
            else:
                field.versions = parse_versions(word, parent.versions) or self.bad(word)

    def next_indent(self):
        for line in self.lines[self.number:]:
            text = line.partition("#")[0]
            if text.strip():
                return len(text) - len(text.lstrip(" "))
        return 0

    def link(self):
        """Gives each field its struct, and orders structs so that each follows those it uses."""
        done = {}

        def visit(struct, above):
            for field in struct.fields:
                if field.type_name in SCALARS:
                    continue
                target = self.named.get(field.type_name)
                if target is None:
                    raise self.error(f"{struct.name}.{field.name}: no type {field.type_name}",
                                     field.line)
                if target.name in above:
                    raise self.error(f"{struct.name}.{field.name}: {target.name} contains itself",
                                     field.line)
                field.struct = target
                if target.name not in done:
                    visit(target, above | {target.name})
                    done[target.name] = target
            self.check_tags(struct)

        visit(self.message.body, frozenset())
        unused = set(self.named) - set(done)
        if unused:
            raise self.error(f"structs that no field uses: {', '.join(sorted(unused))}")
        self.message.structs = list(done.values())

    def check_tags(self, struct):
        for number, field in enumerate(struct.tagged):
            where = f"{struct.name}.{field.name}"
            if field.tag < number:
                raise self.error(f"{where} uses a tag twice", field.line)
            if field.tag > number:
                raise self.error(f"{where}: no field has tag {number}", field.line)
            if self.message.flexible is None or field.versions[0] < self.message.flexible:
                raise self.error(f"{where} is tagged in an inflexible version", field.line)
            if field.type_name == "records":
                raise self.error(f"{where}: records cannot be tagged", field.line)


def snake(name):
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def check_keys(messages):
    owners = {}
    for message in messages:
        if message.key is None:
            continue
        other = owners.setdefault((message.kind, message.key), message)
        if other is not message:
            raise SchemaError(f"{message.place}: {other.name} has key {message.key}, too")


def parse_all(folder: Path) -> list[Message]:
    messages = [Parser(path).parse() for path in sorted(folder.rglob("*.schema"))]
    check_keys(messages)
    names = [struct_name(message.name, struct)
             for message in messages for struct in [message.body, *message.structs]]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SchemaError(f"two structs get the same name: {', '.join(sorted(twice))}")
    return sorted(messages, key=lambda message: message.stem)
