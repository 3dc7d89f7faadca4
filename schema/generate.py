#!/usr/bin/env python3
"""Generates the C++ of the wire module from the schemas.

generate.py --schemas DIR --out DIR   writes DIR/wire/*; a file that is the same keeps its time, one
                                      that no schema makes any more is removed
generate.py --schemas DIR --check     only reads and checks the schemas
"""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from generator import codec, fields, header, registry  # noqa: E402
from generator.model import SchemaError  # noqa: E402
from generator.parse import parse_all  # noqa: E402


def outputs(messages) -> dict[str, str]:
    found = registry.files(messages)
    for message in messages:
        found[f"{message.stem}.h"] = header.write(message)
        found[f"{message.stem}.cc"] = codec.write(message)
        found[f"fields/{message.stem}.h"] = fields.write(message)
    found["fields/all.h"] = fields.table(messages)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    try:
        messages = parse_all(arguments.schemas)
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.check or arguments.out is None:
        return 0
    wanted = outputs(messages)
    for path in (arguments.out / "wire").rglob("*.*"):
        if path.relative_to(arguments.out / "wire").as_posix() not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = arguments.out / "wire" / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
