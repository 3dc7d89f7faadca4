"""The scalar types of the schema language and what they are in C++."""

from generator.model import Field, Struct

# name -> (C++ type, headers)
INT = ("<cstdint>",)
IDS = ('"base/ids.h"',)
SCALARS = {
    "bool": ("bool", ()),
    "int8": ("std::int8_t", INT),
    "int16": ("std::int16_t", INT),
    "int32": ("std::int32_t", INT),
    "int64": ("std::int64_t", INT),
    "uint16": ("std::uint16_t", INT),
    "uint32": ("std::uint32_t", INT),
    "float64": ("double", ()),
    "string": ("std::string", ("<string>",)),
    "bytes": ("base::SharedBytes", ('"base/bytes.h"',)),
    "records": ("base::ByteChain", ('"base/bytes.h"',)),
    "uuid": ("base::Uuid", ('"base/uuid.h"',)),
    "topic_id": ("base::TopicId", ('"base/uuid.h"',)),
    "directory_id": ("base::DirectoryId", ('"base/uuid.h"',)),
    "topic_name": ("base::TopicName", IDS),
    "group_id": ("base::GroupId", IDS),
    "transactional_id": ("base::TransactionalId", IDS),
    "broker_id": ("base::BrokerId", IDS),
    "partition": ("base::PartitionIndex", IDS),
    "offset": ("base::Offset", IDS),
    "leader_epoch": ("base::LeaderEpoch", IDS),
    "partition_epoch": ("base::PartitionEpoch", IDS),
    "broker_epoch": ("base::BrokerEpoch", IDS),
    "producer_id": ("base::ProducerId", IDS),
    "producer_epoch": ("base::ProducerEpoch", IDS),
    "sequence": ("base::Sequence", IDS),
    "correlation_id": ("base::CorrelationId", IDS),
    "timestamp": ("base::Timestamp", ('"base/time.h"',)),
    "milliseconds": ("base::Milliseconds32", ('"base/time.h"',)),
    "milliseconds64": ("base::Milliseconds64", ('"base/time.h"',)),
    "error_code": ("ErrorCode", ('"wire/error_code.h"',)),
}
STRINGS = {"string", "topic_name", "group_id", "transactional_id"}
UUIDS = {"uuid", "topic_id", "directory_id"}
NULLABLE = STRINGS | {"bytes", "records"}  # scalars that have a null on the wire
PLAIN_NUMBERS = {"int8", "int16", "int32", "int64", "uint16", "uint32", "float64"}


def struct_name(message_name: str, struct: Struct) -> str:
    """The struct's name in C++; users write Message::Struct."""
    return message_name if struct.name == message_name else message_name + struct.name


def cpp_type(field: Field, message_name: str) -> str:
    text = struct_name(message_name, field.struct) if field.struct else SCALARS[field.type_name][0]
    if field.is_array:
        text = f"std::vector<{text}>"
    return f"std::optional<{text}>" if field.is_optional else text


def headers(field: Field) -> set[str]:
    found = set(SCALARS[field.type_name][1]) if field.struct is None else set()
    if field.is_array:
        found.add("<vector>")
    if field.is_optional:
        found.add("<optional>")
    return found


def number(field: Field) -> str:
    """The default of a scalar field as a C++ expression of its type."""
    value = field.default
    if field.type_name == "bool":
        return value or "false"
    if field.type_name == "error_code":
        return "ErrorCode::kNone"
    if field.type_name in PLAIN_NUMBERS:
        return value or "0"
    return f"{SCALARS[field.type_name][0]}{{{value or ''}}}"


def starts_null(field: Field) -> bool:
    return field.is_optional and (field.default == "null" or field.type_name == "records")


def initializer(field: Field) -> str:
    """What follows the member's name in the struct."""
    if field.is_optional:
        return "" if starts_null(field) else "{std::in_place}"
    if field.is_array or field.struct or field.type_name in STRINGS | UUIDS | {"bytes"}:
        return ""
    if field.type_name in PLAIN_NUMBERS | {"bool", "error_code"}:
        return f" = {number(field)}"
    return f"{{{field.default or ''}}}"


def is_default(message_name: str, field: Field) -> str:
    """A C++ condition: the member of `m` is at its default."""
    value = f"m.{field.name}"
    if field.is_optional:
        if starts_null(field):
            return f"!{value}.has_value()"
        if field.struct and not field.is_array:
            return f"({value} && *{value} == {struct_name(message_name, field.struct)}{{}})"
        return f"({value} && {value}->empty())"
    if field.is_array or field.type_name in STRINGS | {"bytes"}:
        return f"{value}.empty()"
    if field.struct:
        return f"{value} == {struct_name(message_name, field.struct)}{{}}"
    if field.type_name in UUIDS:
        return f"{value}.is_zero()"
    if field.type_name == "bool":
        return value if number(field) == "true" else f"!{value}"
    return f"{value} == {number(field)}"


def version_condition(versions, parent) -> str | None:
    """A C++ condition on `version`, given that it is within the parent's; None when always true."""
    low, high = versions
    tests = []
    if low > parent[0]:
        tests.append(f"version >= {low}")
    if high < parent[1]:
        tests.append(f"version <= {high}")
    if low == high and len(tests) == 2:
        return f"version == {low}"
    return " && ".join(tests) or None


def nullable(field: Field) -> str:
    """A C++ condition: null is allowed in this version."""
    if field.nullable_from is None:
        return "false"
    if field.nullable_from <= field.versions[0]:
        return "true"
    return f"version >= {field.nullable_from}"
