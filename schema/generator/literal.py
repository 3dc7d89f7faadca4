"""Whether the text after `=` is a value of a scalar type, in C++ as here."""

import math
import re

BITS = {
    "int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint16": 16, "uint32": 32,
    "broker_id": 32, "partition": 32, "offset": 64, "leader_epoch": 32, "partition_epoch": 32,
    "broker_epoch": 64, "producer_id": 64, "producer_epoch": 16, "sequence": 32,
    "correlation_id": 32, "timestamp": 64, "milliseconds": 32, "milliseconds64": 64,
}
# No leading zero: C++ would read an octal number.
INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")


def limits(type_name: str) -> tuple[int, int]:
    bits = BITS[type_name]
    if type_name.startswith("uint"):
        return 0, 2**bits - 1
    # C++ has no literal for the lowest 64-bit number: it is the negation of one that is too large.
    return -(2 ** (bits - 1)) + (bits == 64), 2 ** (bits - 1) - 1


def fits(type_name: str, text: str) -> bool:
    if type_name == "bool":
        return text in ("true", "false")
    if type_name == "float64":
        return FLOAT.fullmatch(text) is not None and math.isfinite(float(text))
    if type_name not in BITS or not INTEGER.fullmatch(text):
        return False
    low, high = limits(type_name)
    return low <= int(text) <= high
