"""Check the size budgets that keep the code readable; part of `make check`.

Physical lines are counted in files that git does not ignore, including blank lines, comments and docstrings: for whole
source files (Python, JavaScript, CSS and HTML outside `tests/`, except empty ones) and for functions, from `def` to the
last line, including nested functions but not decorators.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

FILE_LINES = 350
MEDIAN_FILE_LINES = 120
FUNCTION_LINES = 40
COMPONENT_INIT_LINES = 60
TEST_LINES = 25
SOURCE_SUFFIXES = {".py", ".js", ".css", ".html"}


def source_files() -> list[Path]:
    """Source files that git does not ignore, tests included, that exist and are not empty."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    paths = [Path(name) for name in listed.split("\0") if Path(name).suffix in SOURCE_SUFFIXES]
    return [path for path in paths if path.is_file() and path.stat().st_size]


def is_component(node: ast.AST) -> bool:
    """Whether a class derives from pulumi's ComponentResource by name."""
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any(ast.unparse(base).endswith("ComponentResource") for base in bases)


def functions(tree: ast.AST) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Every function of a module, and whether it is the `__init__` of a component."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child, child.name == "__init__" and is_component(node)


def check_functions(path: Path) -> Iterator[str]:
    """One sentence for each function of a Python file that is over its budget."""
    for function, is_component_init in functions(ast.parse(path.read_bytes())):
        is_test = path.parts[0] == "tests" and function.name.startswith("test_")
        allowed = TEST_LINES if is_test else COMPONENT_INIT_LINES if is_component_init else FUNCTION_LINES
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > allowed:
            yield f"{path}:{function.lineno}: {function.name} has {lines} lines; {allowed} are allowed."


def check_files(source: list[Path]) -> Iterator[str]:
    """One sentence for each file over its budget, and one for the median."""
    lengths = {path: len(path.read_text().splitlines()) for path in source}
    for path, lines in lengths.items():
        if lines > FILE_LINES:
            yield f"{path}: has {lines} lines; {FILE_LINES} are allowed."
    middle = median(lengths.values())
    if middle > MEDIAN_FILE_LINES:
        yield f"The median source file has {middle:.0f} lines; {MEDIAN_FILE_LINES} are allowed."


def main() -> int:
    """Print what is over budget; 0 if nothing is."""
    paths = source_files()
    source = [path for path in paths if path.parts[0] != "tests"]
    over = list(check_files(source))
    for path in paths:
        if path.suffix == ".py":
            over.extend(check_functions(path))
    print("\n".join(over) or f"{len(source)} source files within their budgets")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
