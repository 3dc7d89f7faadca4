"""Writes <message>.cc: put() for Writer and Sizer, get() for Reader, print_fields(), the API."""

from generator import types
from generator.model import Field, Message, Struct


def flexible_line(message: Message, struct: Struct) -> str:
    if message.flexible is None or message.flexible > struct.versions[1]:
        value = "constexpr bool flexible = false"
    elif message.flexible <= struct.versions[0]:
        value = "constexpr bool flexible = true"
    else:
        value = f"const bool flexible = version >= {message.flexible}"
    return f"  [[maybe_unused]] {value};"


def put_value(field: Field, out: str, tagged: bool = False) -> str:
    value = f"m.{field.name}"
    flexible = "false" if field.inflexible else "flexible"
    if field.struct and field.is_array:
        if field.is_optional:
            return (f"put_nullable_structs({out}, {value}, {flexible}, {types.nullable(field)},"
                    " version);")
        return f"put_structs({out}, {value}, {flexible}, version);"
    if field.struct:
        if field.is_optional:
            tag = "true" if tagged else "false"
            return f"put_nullable_struct({out}, {value}, {types.nullable(field)}, {tag}, version);"
        return f"put({out}, {value}, version);"
    if field.is_optional:
        return f"put_nullable({out}, {value}, {flexible}, {types.nullable(field)});"
    return f"put({out}, {value}, {flexible});"


def get_value(field: Field, tagged: bool = False) -> str:
    value = f"m.{field.name}"
    flexible = "false" if field.inflexible else "flexible"
    if field.struct and field.is_array:
        if field.is_optional:
            return (f"get_nullable_structs(in, {value}, {flexible}, {types.nullable(field)},"
                    " version);")
        return f"get_structs(in, {value}, {flexible}, version);"
    if field.struct:
        if field.is_optional:
            tag = "true" if tagged else "false"
            return f"get_nullable_struct(in, {value}, {types.nullable(field)}, {tag}, version);"
        # A tag may come twice: nothing of the first one stays, as in Kafka.
        reset = f"{value} = {{}}; " if tagged else ""
        return f"{reset}get(in, {value}, version);"
    if field.is_optional:
        return f"get_nullable(in, {value}, {flexible}, {types.nullable(field)});"
    return f"get(in, {value}, {flexible});"


def guarded(condition: str | None, line: str) -> list[str]:
    if condition is None:
        return [f"  {line}"]
    return [f"  if ({condition}) {line}"]



def put_function(message: Message, struct: Struct) -> list[str]:
    lines = [
        "template <class Out>",
        f"static void put(Out& out, const {types.struct_name(message.name, struct)}& m,"
        " [[maybe_unused]] std::int16_t version) {",
        flexible_line(message, struct),
    ]
    for field in struct.fields:
        condition = types.version_condition(field.versions, struct.versions)
        if field.tag is None:
            lines += guarded(condition, put_value(field, "out"))
        if condition and not field.ignorable:
            lines.append(f"  if (!({condition}) && !({types.is_default(message.name, field)})) {{")
            lines.append("    out.fail(WireError::kFieldNotInVersion);")
            lines.append("  }")
    if message.flexible is not None:
        lines += put_tags(message, struct)
    return lines + ["}", ""]


def put_tags(message: Message, struct: Struct) -> list[str]:
    if message.flexible > struct.versions[1]:
        return ["  if (!m.unknown_tags.empty()) out.fail(WireError::kFieldNotInVersion);"]
    always = message.flexible <= struct.versions[0]
    lines = []
    if not always:
        lines += ["  if (!flexible) {",
                  "    if (!m.unknown_tags.empty()) out.fail(WireError::kFieldNotInVersion);",
                  "    return;", "  }"]
    tagged = struct.tagged
    if not tagged:
        return lines + ["  put_unknown_tags(out, m.unknown_tags);"]
    lines.append("  std::size_t tags = m.unknown_tags.size();")
    for field in tagged:
        condition = types.version_condition(field.versions, struct.versions)
        present = f"!({types.is_default(message.name, field)})"
        lines.append(f"  const bool has_{field.name} = "
                     + (f"{condition} && {present};" if condition else f"{present};"))
        lines.append(f"  if (has_{field.name}) ++tags;")
    lines += ["  out.uvarint(tags);", "  std::size_t next_unknown = 0;"]
    for field in tagged:
        lines += [
            f"  out.unknown_tags(m.unknown_tags, next_unknown, {field.tag});",
            f"  if (has_{field.name}) {{",
            f"    put_tagged(out, {field.tag},",
            f"               [&](auto& to) {{ {put_value(field, 'to', True)} }});",
            "  }",
        ]
    lines.append("  out.unknown_tags(m.unknown_tags, next_unknown, kNoMoreTags);")
    return lines


def get_function(message: Message, struct: Struct) -> list[str]:
    lines = [
        f"static void get(Reader& in, {types.struct_name(message.name, struct)}& m,"
        " [[maybe_unused]] std::int16_t version) {",
        flexible_line(message, struct),
    ]
    for field in struct.fields:
        if field.tag is None:
            condition = types.version_condition(field.versions, struct.versions)
            lines += guarded(condition, get_value(field))
    if message.flexible is not None and message.flexible <= struct.versions[1]:
        lines += get_tags(message, struct)
    if not struct.fields and len(lines) == 2:
        lines = [lines[0].replace("Reader& in", "Reader&").replace("& m,", "&,")]
    return lines + ["}", ""]


def get_tags(message: Message, struct: Struct) -> list[str]:
    lines = [] if message.flexible <= struct.versions[0] else ["  if (!flexible) return;"]
    if not struct.tagged:
        return lines + ["  get_unknown_tags(in, m.unknown_tags);"]
    lines += [
        "  for (std::uint32_t left = in.tag_count(); left > 0 && in.ok(); --left) {",
        "    const Reader::Tag tag = in.begin_tag();",
        "    switch (tag.number) {",
    ]
    for field in struct.tagged:
        condition = types.version_condition(field.versions, struct.versions)
        lines.append(f"      case {field.tag}:")
        if condition:
            lines += [f"        if (!({condition})) {{", "          in.fail(WireError::kBadTag);",
                      "          break;", "        }"]
        lines += [f"        {get_value(field, True)}", "        in.end_tag(tag);", "        break;"]
    lines += ["      default:", "        in.unknown_tag(tag, m.unknown_tags);", "    }", "  }"]
    return lines


def print_function(message: Message, struct: Struct) -> list[str]:
    lines = [
        f"static void print_fields(Printer& out, [[maybe_unused]] const"
        f" {types.struct_name(message.name, struct)}& m, [[maybe_unused]] std::int16_t version) {{",
        f'  out.open("{struct.name}");',
    ]
    for field in struct.fields:
        call = "field"
        version = ""
        if field.struct:
            call = "structures" if field.is_array else "structure"
            version = ", version"
        condition = types.version_condition(field.versions, struct.versions)
        lines += guarded(condition, f'out.{call}("{field.name}", m.{field.name}{version});')
    if message.flexible is not None:
        lines.append("  out.unknown_tags(m.unknown_tags);")
    return lines + ["  out.close();", "}", ""]


def api(message: Message) -> list[str]:
    name = message.name
    return [
        f"std::size_t encoded_size(const {name}& message, std::int16_t version) {{",
        "  return size_message(message, version);", "}",
        f"void encode(const {name}& message, std::int16_t version, Writer& out) {{",
        "  encode_message(message, version, out);", "}",
        f"std::expected<void, WireError> decode({name}& message, std::int16_t version,"
        " Reader& in) {",
        "  return decode_message(message, version, in);", "}",
        f"void print(const {name}& message, std::int16_t version, Printer& out) {{",
        "  print_fields(out, message, version);", "}",
        f"void print(const {name}& message, std::int16_t version, std::string& out) {{",
        "  Printer printer(out);", "  print_fields(printer, message, version);", "}",
    ]


def write(message: Message) -> str:
    lines = [
        f"// Generated from {message.stem}.schema.",
        f'#include "wire/{message.stem}.h"', "",
        '#include "wire/internal/codec.h"', '#include "wire/printer.h"', "",
        "namespace moldau::wire {", "", "using namespace internal;", "",
    ]
    for struct in [*message.structs, message.body]:
        lines += put_function(message, struct)
        lines += get_function(message, struct)
        lines += print_function(message, struct)
    lines += api(message)
    lines += ["", "}  // namespace moldau::wire", ""]
    return "\n".join(lines)
