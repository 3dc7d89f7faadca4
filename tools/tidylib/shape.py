"""Lengths: files, functions, lines. C++ functions are found by braces in clang-formatted code."""

import ast
import re

from tidylib.source import Finding

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
MEASURED = {".cc", ".h", ".py", ".sh", ".cmake", ".java"}
COUNTED = MEASURED | {".go", ".js", ".rs", ".mjs"}


def check(source):
    if source.suffix in COUNTED or is_script(source):
        if len(source.lines) > FILE_LINES_MAX:
            yield Finding(source.path, FILE_LINES_MAX + 1, "file-length",
                          f"{len(source.lines)} lines, at most {FILE_LINES_MAX}: split it")
    if source.suffix in MEASURED or is_script(source):
        for number, line in enumerate(source.lines, 1):
            if len(line) > COLUMNS_MAX:
                yield Finding(source.path, number, "columns",
                              f"{len(line)} columns, at most {COLUMNS_MAX}")
    if source.is_cpp:
        functions = cpp_functions(source.code)
    elif source.suffix == ".py":
        functions = python_functions(source.text)
    else:
        functions = []
    for name, first, last in functions:
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield Finding(source.path, first, "function-length",
                          f"{name}: {last - first + 1} lines, at most {FUNCTION_LINES_MAX}")
    if source.suffix == ".h":
        yield from check_header(source)


def is_script(source):
    return source.suffix == "" and source.text.startswith("#!")


def check_header(source):
    if "#pragma once" not in source.text:
        yield Finding(source.path, 1, "header", "has no #pragma once")
    first = next((line for line in source.lines if line.strip() and "#pragma" not in line), "")
    if not first.startswith("//"):
        yield Finding(source.path, 1, "header",
                      "must open with what it is, its invariants and which loop may call it")


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
TYPE = re.compile(r"^(?:typedef\s+)?(?:class|struct|union|enum)\b[^()]*$")
NAMESPACE = re.compile(r'^(?:inline\s+)?namespace\b|^extern\s+""\s*$')


def simplify(header):
    """A declaration without template parameters, attributes and alignas."""
    header = re.sub(r"\[\[.*?\]\]|\balignas\s*\([^)]*\)", " ", header, flags=re.DOTALL).strip()
    while header.startswith("template"):
        depth = 0
        for at, char in enumerate(header):
            depth += {"<": 1, ">": -1}.get(char, 0)
            if char == ">" and depth == 0:
                header = header[at + 1 :].strip()
                break
        else:
            return header
    return header


def kind_of(header):
    header = re.sub(r"^(?:public|private|protected)\s*:", "", header.strip()).strip()
    header = simplify(header)
    if NAMESPACE.match(header):
        return "namespace"
    if TYPE.match(header):
        return "type"
    return "function" if "(" in header else "value"


def name_of(header):
    names = re.findall(r"([\w:~]+)\s*\(", simplify(header.strip()))
    return names[0] if names else "lambda"


def cpp_functions(code):
    """(name, first line, last line) of each outermost function body."""
    code = PREPROCESSOR.sub(lambda found: "\n" * found.group(0).count("\n"), code)
    blocks = []  # (kind, header, line) of each open brace
    header, header_line, line, parens = "", 0, 1, 0
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        inside = bool(blocks) and blocks[-1][0] in ("function", "inner", "value")
        if char == "{":
            if inside or parens > 0:
                kind = "inner"
            elif "(" in header and code[at - 1] not in " \n)":
                kind = "inner"  # a member's brace initialiser in a constructor
            else:
                kind = kind_of(header)
            blocks.append((kind, header, header_line or line))
            if kind != "inner":
                header, header_line = "", 0
        elif char == "}" and blocks:
            kind, text, first = blocks.pop()
            if kind == "function":
                yield name_of(text), first, line
            if kind != "inner":
                header, header_line = "", 0
        elif inside:
            continue
        elif char == ";" and parens == 0:
            header, header_line = "", 0
        else:
            parens += {"(": 1, ")": -1}.get(char, 0)
            if not header_line and not char.isspace():
                header_line = line
            header += char
