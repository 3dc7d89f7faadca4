"""Rules about the tree as a whole: module READMEs, tests that no build knows, foreign paths."""

import pathlib
import re

from tidylib.source import TEST_SUFFIXES, Finding

README_LINES_MAX = 60

# A path of somebody's machine in a committed file works for nobody else.
FOREIGN = [
    (re.compile(r"(?<![\w.$}*-])/(?:home|root|work|workspace|Users)/\w"),
     "an absolute path of one machine"),
    (re.compile(r"(?<![\w.])\.\./+shared\b"), "a folder outside the repository"),
]


def check_readmes(paths, modules, read):
    for module in modules.values():
        folders = {module.folder}
        if module.kind == "binary":
            mains = [pathlib.PurePosixPath(path).parent for path in paths
                     if path.endswith("/main.cc")]
            folders = {str(main) for main in mains if main.is_relative_to(module.folder)}
        for folder in folders:
            readme = folder + "/README.md"
            has_code = any(path.startswith(folder + "/") and path.endswith((".cc", ".h"))
                           for path in paths)
            if has_code and readme not in paths:
                yield Finding(readme, 1, "readme", "missing: purpose, invariants, file map")
            elif len(read(readme).splitlines()) > README_LINES_MAX:
                yield Finding(readme, README_LINES_MAX + 1, "readme",
                              f"more than {README_LINES_MAX} lines: at most a screen")


def is_globbed(path, lists):
    """Whether add_module() of its folder, or of the one above that names it, finds the test."""
    folder = pathlib.PurePosixPath(path).parent
    own = lists.get(f"{folder}/CMakeLists.txt", "")
    above = lists.get(f"{folder.parent}/CMakeLists.txt", "")
    if re.search(r"\badd_(?:module|program)\(", own):
        return True
    if "add_module(" not in above:
        return False
    part = re.escape(folder.name)
    parts = re.search(rf"\bPARTS\b[^A-Z)]*\b{part}\b|\b{part}/\*(?:_test)?\.cc", above)
    return folder.name == "internal" or parts is not None


def check_tests_listed(paths, read):
    """A test that is not in the build does not exist. Modules glob their folder and internal/."""
    tiers = "\n".join(read(path) for path in paths if path.startswith("tests/tiers/"))
    lists = {path: read(path) for path in paths if path.endswith("CMakeLists.txt")}
    for path in paths:
        name = pathlib.PurePosixPath(path).name
        if path.endswith(TEST_SUFFIXES):
            if not is_globbed(path, lists) and not any(name in text for text in lists.values()):
                yield Finding(path, 1, "unlisted", "no CMakeLists.txt builds this test")
        elif name.endswith("_test.py") and name not in tiers:
            yield Finding(path, 1, "unlisted", "no script in tests/tiers runs this test")


def check_foreign(source):
    for number, line in enumerate(source.lines, 1):
        for pattern, what in FOREIGN:
            found = pattern.search(line)
            if found:
                yield Finding(source.path, number, "foreign", f"`{found.group(0)}`: {what}")
