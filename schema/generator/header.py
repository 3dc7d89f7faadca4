"""Writes <message>.h: the struct with its defaults and the declarations of its codec."""

from generator import types
from generator.model import Message, Struct

KIND_CONSTANT = {"request", "response"}


def members(message: Message, struct: Struct) -> list[str]:
    lines = []
    for field in struct.fields:
        kind = types.cpp_type(field, message.name)
        lines.append(f"  {kind} {field.name}{types.initializer(field)};")
    if message.flexible is not None:
        lines.append("  UnknownTags unknown_tags;")
    name = types.struct_name(message.name, struct)
    lines += ["", f"  friend bool operator==(const {name}&, const {name}&) = default;"]
    return lines + ["};", ""]


def constants(message: Message) -> list[str]:
    lines = [f'  static constexpr std::string_view kName = "{message.name}";']
    if message.kind in KIND_CONSTANT:
        lines.append(f"  static constexpr ApiKey kApiKey = ApiKey::k{message.api};")
    elif message.key is not None:
        lines.append(f"  static constexpr std::int16_t kRecordType = {message.key};")
    flexible = message.flexible if message.flexible is not None else "kNeverFlexible"
    lines += [
        f"  static constexpr std::int16_t kMinVersion = {message.versions[0]};",
        f"  static constexpr std::int16_t kMaxVersion = {message.versions[1]};",
        f"  static constexpr std::int16_t kStableVersion = {message.last_stable};",
        f"  static constexpr std::int16_t kFirstFlexibleVersion = {flexible};",
    ]
    return lines


def includes(message: Message) -> list[str]:
    found = {"<cstddef>", "<cstdint>", "<expected>", "<string>", "<string_view>",
             '"wire/message.h"'}
    for struct in [message.body, *message.structs]:
        for field in struct.fields:
            found |= types.headers(field)
    if message.flexible is not None:
        found.add('"wire/unknown_tag.h"')
    if message.kind in KIND_CONSTANT:
        found.add('"wire/api_key.h"')
    system = sorted(name for name in found if name.startswith("<"))
    own = sorted(name for name in found if name.startswith('"'))
    return [f"#include {name}" for name in system] + [""] + [f"#include {name}" for name in own]


def write(message: Message) -> str:
    lines = [f"// {text}" for text in message.comment]
    lines.append(f"// Generated from {message.stem}.schema. A plain value; any loop.")
    lines += ["#pragma once", ""]
    lines += includes(message) + ["", "namespace moldau::wire {", ""]
    for struct in message.structs:
        lines.append(f"struct {types.struct_name(message.name, struct)} {{")
        lines += members(message, struct)
    lines.append(f"struct {message.name} {{")
    # Not nested: a nested struct with default values cannot be in an std::optional of its parent.
    for struct in message.structs:
        lines.append(f"  using {struct.name} = {types.struct_name(message.name, struct)};")
    lines += constants(message) + [""]
    lines += members(message, message.body)
    name = message.name
    lines += [
        f"[[nodiscard]] std::size_t encoded_size(const {name}& message, std::int16_t version);",
        f"void encode(const {name}& message, std::int16_t version, Writer& out);",
        f"[[nodiscard]] std::expected<void, WireError> decode({name}& message,"
        " std::int16_t version, Reader& in);",
        f"void print(const {name}& message, std::int16_t version, Printer& out);",
        f"void print(const {name}& message, std::int16_t version, std::string& out);",
        "", "}  // namespace moldau::wire", "",
    ]
    return "\n".join(lines)
