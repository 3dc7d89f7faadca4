"""Writes fields/<message>.h, for tests: visit_fields() shows a visitor each field with its name."""

from generator import types
from generator.model import Field, Message, Struct


def visit(field: Field) -> str:
    nullable = types.nullable(field)
    if field.struct:
        call = "structs" if field.is_array else "structure"
        return f'v.{call}("{field.name}", m.{field.name}, {nullable}, version);'
    return f'v.value("{field.name}", m.{field.name}, {nullable});'


def function(message: Message, struct: Struct) -> list[str]:
    lines = [
        "template <class Visitor>",
        "void visit_fields(Visitor& v, [[maybe_unused]]"
        f" {types.struct_name(message.name, struct)}& m, [[maybe_unused]] std::int16_t version) {{",
    ]
    for field in struct.fields:
        condition = types.version_condition(field.versions, struct.versions)
        prefix = f"if ({condition}) " if condition else ""
        lines.append(f"  {prefix}{visit(field)}")
    if message.flexible is not None and message.flexible <= struct.versions[1]:
        first = max((field.tag for field in struct.tagged), default=-1) + 1
        condition = types.version_condition((message.flexible, struct.versions[1]), struct.versions)
        prefix = f"if ({condition}) " if condition else ""
        lines.append(f"  {prefix}v.unknown_tags(m.unknown_tags, {first});")
    return lines + ["}", ""]


def write(message: Message) -> str:
    lines = [f"// Generated from {message.stem}.schema, for tests.", "#pragma once", "",
             "#include <cstdint>", "", f'#include "wire/{message.stem}.h"', "",
             "namespace moldau::wire {", ""]
    for struct in [*message.structs, message.body]:
        lines += function(message, struct)
    return "\n".join(lines + ["}  // namespace moldau::wire", ""])


def table(messages: list[Message]) -> str:
    """MOLDAU_FOR_EACH_MESSAGE(X) expands to X(FetchRequest) and so on, in the registry's order."""
    lines = ["// Generated from the schemas, for tests.", "#pragma once", ""]
    lines += [f'#include "wire/fields/{m.stem}.h"' for m in messages]
    lines += ["", "#define MOLDAU_FOR_EACH_MESSAGE(X) \\"]
    lines += [f"  X({m.name}) \\" for m in messages]
    return "\n".join(lines + ["", ""])
