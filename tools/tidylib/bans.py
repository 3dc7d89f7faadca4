"""What our code does not call, each ban with what to use in its place."""

import dataclasses
import re

from tidylib import layers
from tidylib.source import Finding

TESTS = "tests"
BENCH = "_bench.cc"


@dataclasses.dataclass(frozen=True)
class Ban:
    pattern: str
    instead: str
    allowed: tuple = ()  # module names, or the ends of file names
    kinds: tuple = ()  # only modules of these kinds; empty: all
    unless: str = "(?!)"  # a line that matches is fine


CALLS = [
    Ban(r"\w_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|\btime\((?:nullptr|NULL|0)\)",
        "take `now` as an argument, or ask the loop's clock (rt)", ("io", BENCH)),
    Ban(r"\brandom_device\b|\bs?rand\(|\bdrand48\b|\bmt19937|\bgetrandom\(",
        "use base::Rng from its owner", ("io",)),
    Ban(r"\bstd::j?thread\b|\bpthread_create\b|\bstd::async\b|\bstd::(?:promise|future)\b",
        "use rt loops and rt::Work", ("io",)),
    Ban(r"\bstd::(?:(?:recursive_|shared_|timed_)?mutex|condition_variable|\w+_guard|\w+_lock)\b",
        "a value belongs to one loop: send a message (rt::call)", ("io", "rt", "base")),
    Ban(r"\bthis_thread::sleep|(?<!rt)::u?sleep\(|\busleep\(|\bnanosleep\b",
        "wait on the loop's clock (rt)", ("io",)),
    Ban(r"\bthrow\b", "return std::expected", ("io", "cmd")),
    Ban(r"\btry\s*\{|\bcatch\s*\(", "return std::expected; only Asio and CLI11 throw",
        ("io", "cmd")),
    Ban(r"(?<!operator )\bnew\s+[\w:(<]|\bnew\s*\(", "use a value or std::make_unique",
        ("base/bytes.cc",), unless=r"\bunique_ptr<[^;()]*\(\s*new\b"),  # a private constructor
    Ban(r"(?<!=)(?<!operator)\s\bdelete\b(?:\s*\[\])?\s+[\w(*]",
        "let a destructor or unique_ptr do it"),
    Ban(r"\b(?:secure_)?getenv\b", "read the environment in cmd and pass a value down", ("cmd",)),
    Ban(r"(?<![\w.>])assert\(", "use ASSERT (base/assert.h), which stays on in release"),
    Ban(r"\bstd::hash\b", "its values differ between builds: use base/hash.h", ("base",),
        ("pure",)),
    Ban(r"\bstd::endl\b", r"write '\n'"),
    Ban(r"\b(?:sprintf|strcpy|strcat|gets)\(", "use fmt::format_to_n or std::string"),
    Ban(r"\bspdlog\b", "use LOG (base/trace.h)"),
    Ban(r"\bco_await\b|\bco_return\b|\bco_yield\b", "a pure module decides; its driver waits",
        ("base/result.h",), ("pure",)),
]

INCLUDES = [
    Ban(r"boost/asio(?!/buffer\.hpp)|boost/system|sys/epoll|sys/socket|netinet/|netdb",
        "use rt::Net", ("io",)),
    Ban(r"arpa/inet", "use rt::Endpoint", ("io", "rt/net.cc")),
    Ban(r"boost/beast|boost/asio/buffer\.hpp", "use io, or console's one parser file",
        ("io", "console")),
    Ban(r"liburing|sys/uio|sys/mman|fcntl\.h|unistd\.h|sys/stat|sys/file|filesystem|fstream",
        "use rt::Disk", ("io", "cmd", TESTS)),
    Ban(r"openssl/(?:ssl|bio|tls1)", "use rt::Net; TLS is io's", ("io",)),
    Ban(r"openssl/", "use base/crypto.h", ("base", "io")),
    Ban(r"CLI/", "command lines are parsed in cmd", ("cmd",)),
    Ban(r"thread|future|condition_variable|mutex|shared_mutex|semaphore|latch|barrier",
        "use rt loops and messages", ("io", "rt", "base")),
    Ban(r"iostream|regex|random|spdlog/.*", "use LOG, RE2 or base::Rng", ("cmd",)),
    Ban(r"fmt/(?:format|chrono|ranges|ostream|printf|std)\.h",
        "use fmt/core.h: it costs half the compile time", ("base/trace.cc",)),
]

# Heavy or unique includes: at most this many files may have them.
AT_MOST = {
    "fmt/format-inl.h": 1,
    "boost/json/src.hpp": 1,
}
ONE_PARSER = ("console", re.compile(r"boost/(?:beast|asio)"))

REMINDER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def applies(ban, source, module):
    if ban.kinds and module.kind not in ban.kinds:
        return False
    return not any(module.name == name or source.path.endswith(name) for name in ban.allowed)


def check(source, modules):
    module = layers.module_of(source.path, modules)
    if not source.is_cpp or module is None:
        return
    bans = [(re.compile(ban.pattern), ban) for ban in CALLS if applies(ban, source, module)]
    for number, line in enumerate(source.code_lines, 1):
        for pattern, ban in bans:
            found = pattern.search(line)
            if found and not re.search(ban.unless, line):
                yield Finding(source.path, number, "ban",
                              f"`{found.group(0).strip()}` in {module.name}: {ban.instead}")
    for number, quote, target in source.includes():
        for ban in INCLUDES:
            hit = quote == "<" and re.match(rf"(?:{ban.pattern})", target)
            exact = hit and (("/" in target) or hit.group(0) in (target, target.removesuffix(".h")))
            if exact and applies(ban, source, module):
                yield Finding(source.path, number, "ban",
                              f"<{target}> in {module.name}: {ban.instead}")


def check_reminders(source):
    for number, line in enumerate(source.lines, 1):
        found = REMINDER.search(line)
        if found:
            yield Finding(source.path, number, "reminder",
                          f"{found.group(0)}: do it now or file an issue")


def check_counts(sources, modules):
    """Includes that only so many files may have."""
    seen = {}
    for source in sources:
        module = layers.module_of(source.path, modules)
        if not source.is_cpp or module is None:
            continue
        for number, _, target in source.includes():
            if target in AT_MOST:
                seen.setdefault((target, AT_MOST[target]), []).append((source.path, number))
            if module.name == ONE_PARSER[0] and ONE_PARSER[1].match(target):
                where = seen.setdefault(("boost/beast in console", 1), [])
                if source.path not in [path for path, _ in where]:
                    where.append((source.path, number))
    for (what, most), where in seen.items():
        for path, number in where[most:]:
            yield Finding(path, number, "once", f"{what}: already in {where[0][0]}")
