"""Writes what spans messages: api_key.h, the table of all messages, and the record families."""

from generator.model import Message

FAMILIES = {
    "metadata": "MetadataRecord",
    "tiered": "TieredRecord",
    "group_key": "GroupRecordKey",
    "group_value": "GroupRecordValue",
    "transaction_key": "TransactionRecordKey",
    "transaction_value": "TransactionRecordValue",
    "share_key": "ShareRecordKey",
    "share_value": "ShareRecordValue",
}


def kind_constant(kind: str) -> str:
    return "MessageKind::k" + "".join(part.capitalize() for part in kind.split("_"))


def requests(messages: list[Message]) -> list[Message]:
    return sorted((m for m in messages if m.kind == "request"), key=lambda m: m.key)


def api_key_header(messages: list[Message]) -> str:
    lines = [
        "// The numbers of Kafka's requests (frozen: they are on the wire).",
        "// Generated from the schemas. Any loop.", "#pragma once", "",
        "#include <cstdint>", "#include <string_view>", "",
        "namespace moldau::wire {", "", "enum class ApiKey : std::int16_t {",
    ]
    lines += [f"  k{m.api} = {m.key}," for m in requests(messages)]
    lines += [
        "};", "",
        '// Kafka\'s spelling, for example "ApiVersions"; "UNKNOWN" for a number without messages.',
        "[[nodiscard]] std::string_view name(ApiKey key);",
        "", "}  // namespace moldau::wire", "",
    ]
    return "\n".join(lines)


def registry_source(messages: list[Message]) -> str:
    lines = [
        "// Generated from the schemas.", '#include "wire/registry.h"', "", "#include <array>", "",
        '#include "wire/internal/message_info.h"',
    ]
    lines += [f'#include "wire/{m.stem}.h"' for m in messages]
    lines += ["", "namespace moldau::wire {", "namespace {", "",
              "constexpr auto kMessages = std::to_array<MessageInfo>({"]
    for m in messages:
        key = -1 if m.key is None else m.key
        lines.append(f"    internal::message_info<{m.name}>({kind_constant(m.kind)}, {key}),")
    lines += ["});", "", "constexpr auto kApis = std::to_array<ApiInfo>({"]
    for m in requests(messages):
        flexible = "kNeverFlexible" if m.flexible is None else m.flexible
        on = ", ".join(str(name in m.listeners).lower() for name in ("broker", "controller"))
        lines.append(f'    {{ApiKey::k{m.api}, "{m.api}", {m.versions[0]}, {m.versions[1]},'
                     f" {m.last_stable}, {flexible}, {on}, {str(m.forwardable).lower()}}},")
    lines += ["});", "", "}  // namespace", "",
              "std::span<const MessageInfo> messages() { return kMessages; }",
              "std::span<const ApiInfo> apis() { return kApis; }", "",
              "}  // namespace moldau::wire", ""]
    return "\n".join(lines)


def family(messages: list[Message], kind: str) -> list[Message]:
    return sorted((m for m in messages if m.kind == kind), key=lambda m: m.key)


def family_header(messages: list[Message], kind: str) -> str:
    name = FAMILIES[kind]
    members = family(messages, kind)
    lines = [
        f"// {name} is any of the messages of kind {kind}, told apart by record type.",
        "// Generated from the schemas. A plain value; any loop.", "#pragma once", "",
        "#include <cstdint>", "#include <expected>", "#include <variant>", "",
        '#include "wire/message.h"',
    ]
    lines += [f'#include "wire/{m.stem}.h"' for m in members]
    alternatives = ",\n    ".join(m.name for m in members)
    lines += [
        "", "namespace moldau::wire {", "",
        f"using {name} = std::variant<\n    {alternatives}>;", "",
        f"[[nodiscard]] std::int16_t record_type(const {name}& record);",
        f"void encode(const {name}& record, std::int16_t version, Writer& out);",
        f"[[nodiscard]] std::expected<void, WireError> decode({name}& record, std::int16_t type,",
        "                                                    std::int16_t version, Reader& in);",
        f"void print(const {name}& record, std::int16_t version, Printer& out);",
        "", "}  // namespace moldau::wire", "",
    ]
    return "\n".join(lines)


def family_source(messages: list[Message], kind: str) -> str:
    name = FAMILIES[kind]
    stem = family_stem(kind)
    lines = [
        "// Generated from the schemas.", f'#include "wire/{stem}.h"', "",
        '#include "wire/reader.h"', '#include "wire/writer.h"', "", "namespace moldau::wire {", "",
        f"std::int16_t record_type(const {name}& record) {{",
        "  return std::visit([](const auto& each) { return each.kRecordType; }, record);", "}",
        f"void encode(const {name}& record, std::int16_t version, Writer& out) {{",
        "  std::visit([&](const auto& each) { encode(each, version, out); }, record);", "}",
        f"std::expected<void, WireError> decode({name}& record, std::int16_t type,",
        "                                      std::int16_t version, Reader& in) {",
        "  switch (type) {",
    ]
    for m in family(messages, kind):
        lines += [f"    case {m.key}:",
                  f"      return decode(record.emplace<{m.name}>(), version, in);"]
    lines += [
        "    default:", "      in.fail(WireError::kUnknownKey);",
        "      return in.status();", "  }",
        "}", f"void print(const {name}& record, std::int16_t version, Printer& out) {{",
        "  std::visit([&](const auto& each) { print(each, version, out); }, record);", "}",
        "", "}  // namespace moldau::wire", "",
    ]
    return "\n".join(lines)


def family_stem(kind: str) -> str:
    return {"metadata": "metadata_record", "tiered": "tiered_record"}.get(
        kind, kind.replace("_", "_record_"))


def files(messages: list[Message]) -> dict[str, str]:
    found = {"api_key.h": api_key_header(messages), "registry_table.cc": registry_source(messages)}
    for kind in FAMILIES:
        found[f"{family_stem(kind)}.h"] = family_header(messages, kind)
        found[f"{family_stem(kind)}.cc"] = family_source(messages, kind)
    return found
