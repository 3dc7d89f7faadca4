#!/usr/bin/env python3
"""Finds configuration keys that the table calls honoured although no code acts on them.

usage: tools/config_keys.py [--root DIR]

A key of a broker or a topic is acted on when the field that src/config reads it into, or the key
itself, occurs in product code outside src/config; a broker key that stands in for a topic key is
as good as that one. Prints one finding a line and exits 1 if there is one.
"""

import argparse
import pathlib
import re
import sys

# Keys that are read in another way than "field = values.type(key)": what their use looks like.
READ_OTHERWISE = {
    "advertised.listeners": r"advertised_broker_listeners",
    "broker.id": r"node_id",
    "controller.listener.names": r"controller_listener_names",
    "controller.quorum.bootstrap.servers": r"bootstrap_servers",
    "controller.quorum.voters": r"quorum\.voters",
    "internal.metadata.log.segment.bytes": r"options\.segment_bytes = .*log\.segment_bytes",
    "listener.security.protocol.map": r"listener\.protocol",
    "listeners": r"broker_listeners",
    "log.dir": r"log\.dirs",
    "max.compaction.lag.ms": r"segment_time_max",
    "max.connections.per.ip.overrides": r"per_address_overrides",
    "moldau.http.listener": r"network\.http",
    "process.roles": r"is_controller",
}
# What the structs of settings are called where they are used.
OWNERS = (r"(?:config|config_|config\(\)|network|quorum|metadata_log|log|topics|replication|fetch"
          r"|controller|topic|limits|settings|timing)")
ROW = re.compile(r'\{"([a-z0-9.]+)",\s*Type::')
ASSIGNED = re.compile(r"(?:\w+\.)+(\w+)\s*=\s*[^;]*?\"([a-z0-9.]+)\"")
READ_INTO = re.compile(r"values\.read\(\"([a-z0-9.]+)\",\s*topic\.(\w+)\)")
# The text of a value is compared or parsed after it was read.
READ_AS_TEXT = re.compile(
    r"values\.read\(\"([a-z0-9.]+)\",\s*(?:text|policy)\);\s*\n\s*topic\.(\w+)")
SYNONYMS = re.compile(r'\{"([a-z0-9.]+)",\s*\{\{(.*?)\}\}', re.S)


def product_text(root):
    """All product code outside src/config, without comments."""
    parts = []
    for folder in ("src", "cmd"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc") or path.is_relative_to(root / "src" / "config"):
                continue
            if re.search(r"_(test|bench|fuzz)\.(cc|h)$", path.name):
                continue
            parts.append(re.sub(r"//.*", "", path.read_text(encoding="utf-8")))
    return "\n".join(parts)


def honoured_keys(text):
    starts = list(ROW.finditer(text))
    for at, row in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(text)
        if "kHonoured" in text[row.start():end]:
            yield row.group(1)


def unread_keys(root):
    config = root / "src" / "config"
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(config.rglob("*.cc"))
                        if not path.name.endswith("_test.cc"))
    fields = {}
    for field, key in ASSIGNED.findall(sources):
        fields.setdefault(key, set()).add(field)
    for pattern in (READ_INTO, READ_AS_TEXT):
        for key, field in pattern.findall(sources):
            fields.setdefault(key, set()).add(field)
    product = product_text(root)

    def acted_on(key):
        if key in READ_OTHERWISE:
            return re.search(READ_OTHERWISE[key], product) is not None
        if f'"{key}"' in product:
            return True
        return any(re.search(rf"\b{OWNERS}(?:\.|->)(?:\w+\.)?{field}\b", product)
                   for field in fields.get(key, ()))

    topic_keys = set(honoured_keys((config / "internal" / "keys_topic.cc").read_text()))
    stands_in = {}
    table = (config / "table.cc").read_text(encoding="utf-8")
    for topic_key, broker_keys in SYNONYMS.findall(table.partition("kTopicSynonyms[]")[2]):
        for broker_key in re.findall(r'"([a-z0-9.]+)"', broker_keys):
            stands_in[broker_key] = topic_key
    broker_keys = set()
    for path in sorted((config / "internal").glob("keys_*.cc")):
        if path.name not in ("keys_topic.cc", "keys_group.cc"):
            broker_keys |= set(honoured_keys(path.read_text(encoding="utf-8")))
    for key in sorted(topic_keys):
        if not acted_on(key):
            yield f"topic key {key}"
    for key in sorted(broker_keys):
        if not acted_on(key) and not (key in stands_in and acted_on(stands_in[key])):
            yield f"broker key {key}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[1])
    found = list(unread_keys(parser.parse_args().root))
    for key in found:
        print(f"{key}: called honoured, and no code outside src/config acts on it: act on it, or "
              "give the reason in its row")
    print(f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
