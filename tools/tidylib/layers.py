"""Which module may include what: docs/modules.md is read, and every #include is held against it."""

import dataclasses
import re

from tidylib.source import Finding, is_test_support

TABLE = "docs/modules.md"
KINDS = {"pure", "contract", "shell", "adapter", "binary"}
PURE_BANNED = {
    "atomic", "barrier", "condition_variable", "coroutine", "ctime", "filesystem", "fstream",
    "future", "iostream", "latch", "mutex", "semaphore", "shared_mutex", "stop_token", "thread",
    "time.h", "unistd.h", "fcntl.h",
}

# Modules that count references to immutable values: bytes, images.
COUNTED = {("base", "atomic"), ("metadata", "atomic")}

TEST_MODULES = {"tests"}


@dataclasses.dataclass(frozen=True)
class Module:
    name: str
    folder: str
    kind: str
    uses: frozenset
    test_uses: frozenset


class TableError(Exception):
    """docs/modules.md cannot be read as a table."""


def names(cell):
    return frozenset(name.strip().strip("`") for name in cell.split(",") if name.strip())


def read_table(text):
    """name -> Module, from the rows that start with a name in backquotes."""
    modules = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 6:
            raise TableError(f"{TABLE}:{number}: a row has 6 columns, this one {len(cells)}")
        name, folder, kind, uses, test_uses, _ = cells
        name = name.strip("`")
        if kind not in KINDS:
            raise TableError(f"{TABLE}:{number}: unknown kind '{kind}' of {name}")
        modules[name] = Module(name, folder, kind, names(uses), names(test_uses))
    if not modules:
        raise TableError(f"{TABLE}: no module table found")
    for module in modules.values():
        for used in module.uses | module.test_uses:
            if used.split("/")[0] not in modules:
                raise TableError(f"{TABLE}: {module.name} may include {used}, which has no row")
    check_acyclic(modules)
    return modules


def check_acyclic(modules):
    done = set()

    def visit(name, path):
        if name in path:
            raise TableError(f"{TABLE}: cycle {' -> '.join([*path, name])}")
        if name not in done:
            for used in modules[name].uses:
                visit(used.split("/")[0], [*path, name])
            done.add(name)

    for name in modules:
        visit(name, [])


def module_of(path, modules):
    """The module whose folder holds the file, or None."""
    for module in modules.values():
        if path.startswith(module.folder + "/"):
            return module
    return None


def check(source, modules):
    if not source.is_cpp:
        return
    module = module_of(source.path, modules)
    if module is None:
        if not source.path.startswith("cmake/"):
            yield Finding(source.path, 1, "layer", f"folder has no row in {TABLE}")
        return
    for line, quote, target in source.includes():
        if quote == "<" and "/" in target and target.split("/")[0] in modules:
            yield Finding(source.path, line, "layer",
                          f'<{target}>: write our headers as "module/file.h"')
        elif quote == '"' and is_test_support(target) and not source.is_test:
            if module.name not in TEST_MODULES:
                yield Finding(source.path, line, "testing", f'"{target}" is for tests only')
        elif quote == '"':
            yield from check_ours(source, module, modules, line, target)
        elif module.kind == "pure" and not source.is_test and target in PURE_BANNED:
            if (module.name, target) not in COUNTED:
                yield Finding(source.path, line, "pure",
                              f"<{target}> in the pure module {module.name}: pass time, bytes and "
                              "chance in as arguments")


def check_ours(source, module, modules, line, target):
    parts = target.split("/")
    used = modules.get(parts[0])
    if used is None or len(parts) == 1:
        yield Finding(source.path, line, "layer",
                      f'"{target}": write our headers as "module/file.h"')
        return
    if "internal" in parts and used.name != module.name:
        yield Finding(source.path, line, "internal",
                      f'"{target}" is private to {used.name}: use its public headers')
    if used.name == module.name:
        return
    allowed = module.uses | (module.test_uses if source.is_test else frozenset())
    if used.name not in allowed and target not in allowed:
        yield Finding(source.path, line, "layer",
                      f"{module.name} may not include {used.name} ({TABLE})")


def unordered_names(text):
    return set(re.findall(r"\bunordered_(?:flat_|node_)?(?:multi)?(?:map|set)<[^;{}]*>\s+(\w+)",
                          text))


def check_unordered(source, modules, read):
    """Cores must not iterate a hash table: its order would reach the output."""
    module = module_of(source.path, modules)
    if not source.is_cpp or module is None or module.kind != "pure" or source.is_test:
        return
    tables = unordered_names(source.code)
    if source.suffix == ".cc":
        tables |= unordered_names(read(source.path[:-3] + ".h"))
    for name in tables:
        loop = re.compile(rf"\bfor\s*\([^;]*:\s*[\w.>-]*\b{name}\)|\b{name}\.c?begin\(")
        for number, line in enumerate(source.code_lines, 1):
            if loop.search(line):
                yield Finding(source.path, number, "unordered",
                              f"iterates hash table {name}: use std::map or a sorted vector")
