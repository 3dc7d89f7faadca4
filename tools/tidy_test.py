#!/usr/bin/env python3
"""Plants a violation of each rule of tools/tidy in a small tree, and a clean counterpart of each.

usage: tools/tidy_test.py       closes with `N passed, N failed, N skipped`
"""

import importlib.machinery
import importlib.util
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("tidy", str(HERE / "tidy"))
SPEC = importlib.util.spec_from_loader("tidy", LOADER)
tidy = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(tidy)

TABLE = """# Modules
| module | folder | kind | may include | its tests also | one line |
|---|---|---|---|---|---|
| `base` | src/base | pure | | | vocabulary |
| `core` | src/core | pure | base | | decides |
| `rt` | src/rt | contract | base | | the seam |
| `shell` | src/shell | shell | base, rt, core | sim | does |
| `face` | src/face | shell | base, shell/door.h | | HTTP |
| `console` | src/console | shell | base, rt | | HTTP |
| `io` | src/io | adapter | base, rt | | the world |
| `sim` | sim | adapter | base, rt, core, shell | | another world |
| `cmd` | cmd | binary | base, rt, core, shell, io, sim | | the binary |
"""
HEADER = "// What it is.\n#pragma once\n"
FOREIGN_PATH = "/" + "home/somebody/x"
OUTSIDE = ".." + "/shared/x"
REMINDER = "TO" + "DO"


def function(lines, head="int f(int a)"):
    return f"{head} {{\n" + "  a += 1;\n" * (lines - 2) + "}\n"


# name: (rule that must be reported, or None for a clean counterpart; path; text)
CASES = {
    "edge not in the table": ("layer", "src/core/a.cc", '#include "rt/loop.h"\n'),
    "edge in the table": (None, "src/core/a.cc", '#include "base/ids.h"\n'),
    "edge upwards": ("layer", "src/base/a.cc", '#include "core/a.h"\n'),
    "product includes the simulator": ("layer", "src/shell/a.cc", '#include "sim/world.h"\n'),
    "its test may": (None, "src/shell/a_test.cc", '#include "sim/world.h"\n'),
    "test support may, too": (
        None, "src/shell/testing/a.h", HEADER + '#include "sim/world.h"\n'),
    "test support in a product": ("testing", "src/shell/a.cc", '#include "shell/testing/a.h"\n'),
    "test support in a test": (None, "src/shell/a_test.cc", '#include "shell/testing/a.h"\n'),
    "header outside any module": ("layer", "src/core/a.cc", '#include "a.h"\n'),
    "our header as a system's": ("layer", "src/core/a.cc", "#include <rt/loop.h>\n"),
    "folder without a row": ("layer", "src/other/a.cc", "int a;\n"),
    "C++ outside the modules": ("layer", "tools/a.cc", "int a;\n"),
    "what the build itself compiles": (None, "cmake/a.cc", "int a;\n"),
    "one header of a module": (None, "src/face/a.cc", '#include "shell/door.h"\n'),
    "another header of it": ("layer", "src/face/a.cc", '#include "shell/hall.h"\n'),
    "include in a comment": (None, "src/core/a.cc", '// #include "rt/loop.h"\n'),
    "somebody's internal header": ("internal", "src/shell/a.cc", '#include "core/internal/b.h"\n'),
    "one's own internal header": (None, "src/core/a.cc", '#include "core/internal/b.h"\n'),
    "coroutine header in a core": ("pure", "src/core/a.cc", "#include <coroutine>\n"),
    "atomic in a core": ("pure", "src/core/a.cc", "#include <atomic>\n"),
    "file system in a shell": ("ban", "src/shell/a.cc", "#include <fstream>\n"),
    "vector in a core": (None, "src/core/a.cc", "#include <vector>\n"),
    "coroutine in a core": ("ban", "src/core/a.cc", "void f() { co_return; }\n"),
    "coroutine in a shell": (None, "src/shell/a.cc", "Task<> f() { co_return; }\n"),
    "clock": ("ban", "src/shell/a.cc", "auto t = std::chrono::steady_clock::now();\n"),
    "clock in io": (None, "src/io/a.cc", "auto t = std::chrono::steady_clock::now();\n"),
    "clock in a benchmark": (None, "src/core/a_bench.cc", "auto t = steady_clock::now();\n"),
    "clock in a comment": (None, "src/shell/a.cc", "int a;  // not steady_clock::now()\n"),
    "clock in a string": (None, "src/shell/a.cc", 'auto s = "steady_clock::now()";\n'),
    "chance": ("ban", "src/core/a.cc", "std::random_device seed;\n"),
    "rand": ("ban", "src/core/a.cc", "int a = rand();\n"),
    "chance by Rng": (None, "src/core/a.cc", "auto a = rng.below(3);\n"),
    "thread": ("ban", "src/shell/a.cc", "std::jthread t;\n"),
    "thread in io": (None, "src/io/a.cc", "#include <thread>\nstd::jthread t;\n"),
    "lock": ("ban", "src/shell/a.cc", "std::mutex m;\n"),
    "lock header": ("ban", "src/shell/a.cc", "#include <mutex>\n"),
    "sleep": ("ban", "src/shell/a_test.cc", "std::this_thread::sleep_for(1s);\n"),
    "sleep on the loop": (None, "src/shell/a_test.cc", "co_await rt::sleep_for(loop, 1s);\n"),
    "throw": ("ban", "src/shell/a.cc", "void f() { throw 1; }\n"),
    "throw in cmd": (None, "cmd/tool/a.cc", "void f() { throw 1; }\n"),
    "catch": ("ban", "src/shell/a.cc", "void f() {\n  try {\n  } catch (...) {\n  }\n}\n"),
    "new": ("ban", "src/core/a.cc", "auto* a = new int(3);\n"),
    "new with an owner": (None, "src/core/a.cc", "std::unique_ptr<A> a(new A(3));\n"),
    "delete": ("ban", "src/core/a.cc", "void f(int* a) { delete a; }\n"),
    "deleted function": (None, "src/core/a.cc", "struct A {\n  A(const A&) = delete;\n};\n"),
    "getenv": ("ban", "src/shell/a.cc", 'auto a = std::getenv("A");\n'),
    "getenv in cmd": (None, "cmd/tool/a.cc", 'auto a = std::getenv("A");\n'),
    "assert": ("ban", "src/core/a.cc", "void f() { assert(1); }\n"),
    "ASSERT": (None, "src/core/a.cc", "void f() { ASSERT(1); }\n"),
    "hash of the library": ("ban", "src/core/a.cc", "std::hash<int> h;\n"),
    "Asio": ("ban", "src/shell/a.cc", "#include <boost/asio.hpp>\n"),
    "Asio in io": (None, "src/io/a.cc", "#include <boost/asio.hpp>\n"),
    "addresses": ("ban", "src/shell/a.cc", "#include <arpa/inet.h>\n"),
    "addresses in the seam": (None, "src/rt/net.cc", "#include <arpa/inet.h>\n"),
    "liburing": ("ban", "src/shell/a.cc", "#include <liburing.h>\n"),
    "TLS": ("ban", "src/base/a.cc", "#include <openssl/ssl.h>\n"),
    "hashes in base": (None, "src/base/a.cc", "#include <openssl/evp.h>\n"),
    "hashes elsewhere": ("ban", "src/core/a.cc", "#include <openssl/evp.h>\n"),
    "command line": ("ban", "src/shell/a.cc", "#include <CLI/CLI.hpp>\n"),
    "command line in cmd": (None, "cmd/tool/a.cc", "#include <CLI/CLI.hpp>\n"),
    "heavy fmt": ("ban", "src/core/a.cc", "#include <fmt/format.h>\n"),
    "light fmt": (None, "src/core/a.cc", "#include <fmt/core.h>\n"),
    "Beast in a shell": ("ban", "src/shell/a.cc", "#include <boost/beast/http.hpp>\n"),
    "Beast's buffers in console": (
        None, "src/console/a.cc", "#include <boost/asio/buffer.hpp>\n"),
    "Asio in console": ("ban", "src/console/a.cc", "#include <boost/asio/ip/tcp.hpp>\n"),
    "Beast in console": (None, "src/console/a.cc", "#include <boost/beast/http.hpp>\n"),
    "hash table iterated": (
        "unordered", "src/core/a.cc",
        "std::unordered_map<int, int> seen;\nvoid f() {\n  for (auto& a : seen) g(a);\n}\n"),
    "hash table looked up": (
        None, "src/core/a.cc",
        "std::unordered_map<int, int> seen;\nint f() { return seen.at(1); }\n"),
    "hash table iterated in a shell": (
        None, "src/shell/a.cc",
        "std::unordered_map<int, int> seen;\nvoid f() {\n  for (auto& a : seen) g(a);\n}\n"),
    "promise": ("ban", "src/shell/a.cc", "#include <future>\n"),
    "flush at each line": ("ban", "src/core/a.cc", "void f(S& s) { s << std::endl; }\n"),
    "text without a bound": ("ban", "src/core/a.cc", 'void f(char* a) { strcpy(a, "b"); }\n'),
    "foreign logger": ("ban", "src/core/a.cc", "void f() { spdlog::info(1); }\n"),
    "header of streams": ("ban", "src/shell/a.cc", "#include <iostream>\n"),
    "header of streams in cmd": (None, "cmd/tool/a.cc", "#include <iostream>\n"),
    "sockets": ("ban", "src/shell/a.cc", "#include <sys/socket.h>\n"),
    "reminder": ("reminder", "src/core/a.cc", f"// {REMINDER}: later\n"),
    "long file": ("file-length", "src/core/a.cc", "int a;\n" * 801),
    "file at the limit": (None, "src/core/a.cc", "int a;\n" * 800),
    "long line": ("columns", "src/core/a.cc", "// " + "x" * 98 + "\n"),
    "line at the limit": (None, "src/core/a.cc", "// " + "x" * 97 + "\n"),
    "long function": ("function-length", "src/core/a.cc", function(71)),
    "function at the limit": (None, "src/core/a.cc", function(70)),
    "long member function": (
        "function-length", "src/core/a.cc",
        "namespace n {\nclass A {\n" + function(71) + "};\n}\n"),
    "long test": ("function-length", "src/core/a_test.cc", function(71, "TEST(A, B)")),
    "long function for C": (
        "function-length", "src/core/a_fuzz.cc", function(71, 'extern "C" int f(int a)')),
    "long function in a block for C": (
        "function-length", "src/core/a.cc", 'extern "C" {\n' + function(71) + "}\n"),
    "long constructor with braces": (
        "function-length", "src/core/a.cc", function(71, "A::A(int a) : b_{a}, c_{1}")),
    "long template": (
        "function-length", "src/core/a.cc",
        function(71, "template <class T>\nstd::map<T, int> A<T>::f(int a) const")),
    "long table": (None, "src/core/a.cc", "int kTable[] = {\n" + "  1,\n" * 100 + "};\n"),
    "long class": (
        None, "src/core/a.cc", "class A {\n" + "  int f() { return 1; }\n" * 100 + "};\n"),
    "many functions": (None, "src/core/a.cc", function(40) * 10),
    "long Python function": (
        "function-length", "tools/a.py", "def f(a):\n" + "    a += 1\n" * 71),
    "header without pragma": ("header", "src/core/a.h", "// What it is.\nint a;\n"),
    "header without a contract": ("header", "src/core/a.h", "#pragma once\nint a;\n"),
    "header with both": (None, "src/core/a.h", HEADER + "int a;\n"),
    "test outside the build": ("unlisted", "src/core/deep/a_test.cc", "int a;\n"),
    "private test": (None, "src/core/internal/a_test.cc", "int a;\n"),
    "test of a part": (None, "src/shell/part/a_test.cc", "int a;\n"),
    "test of a part without a name": ("unlisted", "src/shell/other/a_test.cc", "int a;\n"),
    "Python test outside the tiers": ("unlisted", "tools/a_test.py", "a = 1\n"),
    "module without README": ("readme", "sim/a.cc", "int a;\n"),
    "long README": ("readme", "src/core/README.md", "line\n" * 61),
    "README of a screen": (None, "src/core/README.md", "line\n" * 60),
    "link not in the table": ("link", "src/core/CMakeLists.txt", "add_module(core DEPS rt)\n"),
    "link in the table": (None, "src/core/CMakeLists.txt", "add_module(core DEPS base)\n"),
    "link without a row": ("link", "src/core/CMakeLists.txt", "add_module(core DEPS bsae)\n"),
    "link on a later line": (
        "link", "src/core/CMakeLists.txt", "add_module(core\n  DEPS base\n  rt TIER unit)\n"),
    "file, not a link": (
        None, "src/core/CMakeLists.txt", "add_module(core DEPS base TEST_SOURCES rt)\n"),
    "link in a comment": (
        None, "src/core/CMakeLists.txt", "add_module(core DEPS base  # rt\n)\n"),
    "product links the simulator": (
        "link", "src/shell/CMakeLists.txt", "add_module(shell DEPS sim)\n"),
    "its test links it": (
        None, "src/shell/CMakeLists.txt", "add_module(shell DEPS base TEST_DEPS sim)\n"),
    "a fuzzer is a test": (
        None, "src/shell/CMakeLists.txt",
        "add_module(shell)\nadd_fuzzer(shell_fuzz SOURCES a.cc DEPS sim base)\n"),
    "test links what it may not": (
        "link", "src/core/CMakeLists.txt", "add_module(core TEST_DEPS sim)\n"),
    "library that is a part of the simulator": (
        None, "sim/runtime/CMakeLists.txt", "add_module(sim_world DEPS base rt sim)\n"),
    "part links what its module may not": (
        "link", "sim/runtime/CMakeLists.txt", "add_module(sim_world DEPS io)\n"),
    "library that is a part of one's own": (
        None, "src/core/CMakeLists.txt",
        "add_library(core_samples a.cc)\nadd_module(core TEST_DEPS core_samples)\n"),
    "module of which one header may be seen": (
        None, "src/face/CMakeLists.txt", "add_module(face DEPS base shell)\n"),
    "program links what it may not": (
        "link", "cmd/tool/CMakeLists.txt", "add_program(tool DEPS base console)\n"),
    "link outside the modules": (
        "link", "src/other/CMakeLists.txt", "add_module(other DEPS base)\n"),
    "path of a machine": ("foreign", "docs/a.md", f"see {FOREIGN_PATH}\n"),
    "path outside": ("foreign", "tests/a.sh", f"cat {OUTSIDE}\n"),
    "path outside, two up": ("foreign", "tests/a.sh", f"cat ../{OUTSIDE}\n"),
    "path outside, from a variable": ("foreign", "tests/a.sh", f"cat $here/{OUTSIDE}\n"),
    "path with that word in it": (None, "docs/a.md", "see ../shared_bytes.h and .../shared\n"),
    "path of the system": (None, "docs/a.md", "see /usr/include and https://x.org/home/a\n"),
}

TABLES = {
    "cycle in the table": TABLE.replace("src/base | pure | |", "src/base | pure | core |"),
    "unknown module in the table": TABLE.replace("core | sim |", "nobody | sim |"),
    "unknown kind in the table": TABLE.replace("| contract |", "| magic |"),
    "no table": "# Modules\n",
}


def clean_tree(root):
    """A small tree without a finding."""
    write(root, "docs/modules.md", TABLE)
    for module in ("base", "core", "rt", "shell", "face", "console", "io"):
        write(root, f"src/{module}/CMakeLists.txt", f"add_module({module})\n")
        write(root, f"src/{module}/README.md", "One screen.\n")
    write(root, "src/shell/CMakeLists.txt", "add_module(shell DEPS base PARTS part TIER x)\n")
    write(root, "cmd/tool/CMakeLists.txt", "add_program(tool)\n")
    write(root, "cmd/tool/README.md", "One screen.\n")
    write(root, "cmd/tool/main.cc", "int main() { return 0; }\n")
    write(root, "sim/CMakeLists.txt", "add_module(sim)\n")


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def findings(change):
    """Rules reported for the clean tree with one change made to it."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        clean_tree(root)
        change(root)
        return tidy.check_tree(root)[0]


def twice(what, module):
    def change(root):
        write(root, f"src/{module}/a.cc", f"#include <{what}>\n")
        write(root, f"src/{module}/b.cc", f"#include <{what}>\n")

    return change


def run():
    yield "clean tree", None, findings(lambda root: None)
    for name, (rule, path, text) in CASES.items():
        change = lambda root, path=path, text=text: write(root, path, text)  # noqa: E731
        yield name, rule, findings(change)
    for name, table in TABLES.items():
        change = lambda root, table=table: write(root, "docs/modules.md", table)  # noqa: E731
        yield name, "table", findings(change)
    yield "two parser files in console", "once", findings(twice("boost/beast/http.hpp", "console"))
    for header in tidy.bans.AT_MOST:
        yield f"{header} in two files", "once", findings(twice(header, "base"))


def never_planted(messages):
    """Bans that no case above reaches: such a ban could be broken and nobody would see."""
    for ban in [*tidy.bans.CALLS, *tidy.bans.INCLUDES]:
        if not any(message.endswith(ban.instead) for message in messages):
            yield ban


def main():
    passed = failed = 0
    messages = []
    for name, rule, found in run():
        messages += [finding.message for finding in found]
        rules = {finding.rule for finding in found}
        if rules == ({rule} if rule else set()):
            passed += 1
        else:
            failed += 1
            print(f"FAIL {name}: expected {rule or 'nothing'}, found {[str(one) for one in found]}")
    for ban in never_planted(messages):
        failed += 1
        print(f"FAIL no case plants the ban {ban.pattern}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
