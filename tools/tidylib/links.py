"""Which module links which: the DEPS in every CMakeLists.txt are held against docs/modules.md."""

import dataclasses
import re

from tidylib.layers import TABLE, module_of
from tidylib.source import Finding

COMMENT = re.compile(r"#[^\n]*")
CALL = re.compile(r"\b(add_module|add_program|add_fuzzer|add_test_binary)\(\s*(\w+)([^)]*)\)")
LIBRARY = re.compile(r"\b(?:add_module|add_library)\(\s*(\w+)")
KEYWORD = re.compile(r"[A-Z][A-Z_]*")
# What their DEPS link is a test, whatever the keyword says.
TEST_CALLS = {"add_fuzzer", "add_test_binary"}


@dataclasses.dataclass(frozen=True)
class Link:
    target: str
    used: str
    line: int
    is_test: bool


def list_file(path):
    return path.rpartition("/")[2] == "CMakeLists.txt"


def without_comments(text):
    return COMMENT.sub("", text)


def links_of(text):
    """Each name after DEPS or TEST_DEPS, with the line it stands in."""
    for call in CALL.finditer(text):
        keyword = None
        for word in re.finditer(r"\S+", call.group(3)):
            if KEYWORD.fullmatch(word.group(0)):
                keyword = word.group(0)
            elif keyword in ("DEPS", "TEST_DEPS"):
                line = text.count("\n", 0, call.start(3) + word.start()) + 1
                is_test = keyword == "TEST_DEPS" or call.group(1) in TEST_CALLS
                yield Link(call.group(2), word.group(0), line, is_test)


def libraries(lists, modules):
    """name -> module: those of the table, and the libraries that are a part of one by folder."""
    found = {}
    for path, text in lists.items():
        module = module_of(path, modules)
        if module is not None:
            found |= {name: module for name in LIBRARY.findall(text)}
    return found | modules


def check(paths, modules, read):
    """CMake drops a name that is no library without a word, so that modules may land in any order:
    here a name without a row is an error, and so is one that its own row does not allow."""
    lists = {path: without_comments(read(path)) for path in paths if list_file(path)}
    known = libraries(lists, modules)
    for path, text in lists.items():
        module = module_of(path, modules)
        for link in links_of(text):
            message = problem(link, module, known)
            if message:
                yield Finding(path, link.line, "link", f"{link.target}: {message}")


def problem(link, module, known):
    if module is None:
        return f"its folder has no row in {TABLE}"
    used = known.get(link.used)
    if used is None:
        return f"{link.used} has no row in {TABLE}"
    allowed = module.uses | (module.test_uses if link.is_test else frozenset())
    if used.name == module.name or used.name in {name.split("/")[0] for name in allowed}:
        return None
    return f"{module.name} may not link {used.name} ({TABLE})"
