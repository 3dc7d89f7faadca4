"""A source file as the rules see it: its lines, and the same without comments and literals."""

import dataclasses
import pathlib
import re

CPP = {".cc", ".h"}
TEST_SUFFIXES = ("_test.cc", "_test.h", "_fuzz.cc", "_bench.cc")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


def is_test_support(path):
    """Headers and sources that only tests may include."""
    return "/testing/" in path or path.endswith("_test.h")


@dataclasses.dataclass
class Source:
    """path is relative to the root and uses forward slashes."""

    path: str
    text: str

    def __post_init__(self):
        self.lines = self.text.splitlines()
        self.suffix = pathlib.PurePosixPath(self.path).suffix
        self.is_cpp = self.suffix in CPP
        self.is_test = is_test_support(self.path) or self.path.endswith(TEST_SUFFIXES)
        self.code = strip(self.text) if self.is_cpp else self.text
        self.code_lines = self.code.splitlines()

    def includes(self):
        """(line, quote, path) of each #include."""
        for number, line in enumerate(self.lines, 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found.group(1), found.group(2)


TOKEN = re.compile(
    r"""
      //[^\n]*                                   # comment to the end of the line
    | /\*.*?\*/                                  # block comment
    | R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)" # raw string
    | "(?:\\.|[^"\\\n])*"                        # string
    | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'       # character; the look-behind spares 1'000
    """,
    re.VERBOSE | re.DOTALL,
)


def strip(text):
    """The text with comments and the insides of literals blanked, line numbers kept."""

    def blank(found):
        token = found.group(0)
        lines = "\n" * token.count("\n")
        return '""' + lines if token[0] in "\"'R" else " " + lines

    return "\n".join(
        "" if line.lstrip().startswith("#include") else line
        for line in TOKEN.sub(blank, text).split("\n")
    )
