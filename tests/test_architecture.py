# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that no linter knows: what a file must begin with, how long it may be, what it may not name.

Which layer may import which is in `pyproject.toml` (import-linter).
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = {"client/": 350, "server/": 350, "tests/": 500}
"""A module holds one concept; its tests, which mirror it, take more lines to say what it does."""

PURE = ("encoding", "tlog", "ct", "certificate", "devices", "statements", "index")
"""Packages of the client that take and return values: no files, no clock, no chance."""

READERS_OF_FILES = {
    "client/keystead/devices/pinned": "reads the vendor anchors that lie in the package",
}

_TEXT = {"", ".py", ".md", ".toml", ".json", ".sql", ".asn1", ".svg", ".txt", ".sh", ".cfg"}


_MADE = {"__pycache__", "build", "dist", "node_modules"}


@cache
def _files() -> tuple[Path, ...]:
    """Every text file that is, or is about to be, part of the project."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:  # an archive of the sources
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(
                part in _MADE or part.endswith(".egg-info") or (part[0] == "." and part != ".ci")
                for part in path.relative_to(ROOT).parts
            )
        ]
    return tuple(path for path in paths if path.suffix in _TEXT and path.is_file())


def _modules(*folders: str) -> list[Path]:
    return [
        path
        for path in _files()
        if path.suffix == ".py" and path.relative_to(ROOT).as_posix().startswith(folders)
    ]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def test_sources_name_their_licence() -> None:
    """Each program file begins with its SPDX line, behind `#!` where there is one."""
    without = []
    for path in _files():
        if path.suffix not in {".py", ".sql", ".sh", ""} or path.name in {"LICENSE", ".gitignore"}:
            continue
        lines = path.read_text("utf-8").splitlines()[:2]
        head = lines[1:] if lines and lines[0].startswith("#!") else lines[:1]
        if not head or not re.fullmatch(r"(#|--) SPDX-License-Identifier: Apache-2\.0", head[0]):
            without.append(_name(path))
    assert not [name for name in without if not name.endswith("py.typed")]


def test_modules_say_what_they_are_for() -> None:
    """Each module has a docstring."""
    assert not [
        _name(path) for path in _modules("client/", "server/", "tests/") if not ast.get_docstring(_tree(path))
    ]


def test_files_hold_one_concept() -> None:
    """No module is longer than its kind may be."""
    assert not [
        _name(path)
        for folder, most in MAX_LINES.items()
        for path in _modules(folder)
        if len(path.read_text("utf-8").splitlines()) > most
    ]


def test_modules_are_named_after_a_concept() -> None:
    """No module or package is a drawer for what fits nowhere."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "core"}
    assert not [
        _name(path)
        for path in _modules("client/", "server/", "tests/")
        if drawers & {path.stem, *path.relative_to(ROOT).parts[:-1]}
    ]


def test_tests_say_the_behaviour_that_they_show() -> None:
    """Each test has a docstring of a sentence, and a name of its own in its file."""
    silent, twice = [], []
    for path in _modules("tests/"):
        if not path.name.startswith("test_"):
            continue
        names = set()
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                if not (ast.get_docstring(node) or "").endswith((".", "?", "!")):
                    silent.append(f"{_name(path)}:{node.lineno}")
                if node.name in names and isinstance(node, ast.FunctionDef):
                    twice.append(f"{_name(path)}:{node.lineno}")
                names.add(node.name)
    assert not silent
    assert not twice


def test_values_are_frozen() -> None:
    """Each dataclass of the pure packages has slots, and is frozen unless it is there to be added to."""
    loose = []
    for path in _modules(*(f"client/keystead/{name}/" for name in PURE)):
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.ClassDef):
                continue
            for decorator in node.decorator_list:
                text = ast.unparse(decorator)
                frozen = "frozen=True" in text or "default_factory=" in ast.unparse(node)
                if text.startswith("dataclass") and not ("slots=True" in text and frozen):
                    loose.append(f"{_name(path)}:{node.lineno} {node.name}")
    assert not loose


_IMPURE_MODULES = {
    "os",
    "io",
    "time",
    "random",
    "secrets",
    "socket",
    "logging",
    "pathlib",
    "asyncio",
    "sqlite3",
}
_IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


def test_pure_packages_are_pure() -> None:
    """What decides reads no file, no clock and no chance, and writes nothing."""
    impure = []
    for path in _modules(*(f"client/keystead/{name}/" for name in PURE)):
        if _name(path).startswith(tuple(READERS_OF_FILES)):
            continue
        for node in ast.walk(_tree(path)):
            used = set()
            if isinstance(node, ast.Import):
                used = {alias.name.split(".")[0] for alias in node.names} & _IMPURE_MODULES
            elif isinstance(node, ast.ImportFrom) and not node.level:
                used = {(node.module or "").split(".")[0]} & _IMPURE_MODULES
            elif isinstance(node, ast.Call):
                used = {ast.unparse(node.func)} & _IMPURE_CALLS
            impure += [f"{_name(path)}:{getattr(node, 'lineno', 0)} {name}" for name in used]
    assert not impure


def _forbidden() -> Iterator[tuple[str, re.Pattern[str]]]:
    # Put together from pieces, so that this file does not hold what it looks for.
    registries = "|".join(("py" + "pi", "python" + "hosted", "npm" + "js", "deb" + "ian"))
    yield "a package registry's host", re.compile(rf"https?://[a-z.-]*(?:{registries})\.(?:org|io|com)")
    folders = "|".join(
        ("wo" + "rk/[a-z.]", "ro" + "ot/", "ho" + "me/[a-z]", "Us" + "ers/[a-z]", "fa" + "rm/")
    )
    yield "an absolute path of one machine", re.compile(rf"(?<![\w.}}\-/])/(?:{folders})")
    yield "a number of an issue", re.compile(r"\bissue #?[0-9]", re.IGNORECASE)


@pytest.mark.parametrize(
    ("what", "pattern"), list(_forbidden()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_nothing_names_what_is_not_part_of_the_project(what: str, pattern: re.Pattern[str]) -> None:
    """No file names a registry's host, a path of one machine, or a number of an issue."""
    found = []
    for path in _files():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{_name(path)}:{number}")
    assert not found, what


def test_the_top_level_is_small() -> None:
    """The top level holds what everybody looks for, and nothing else."""
    top = {path.relative_to(ROOT).parts[0] for path in _files()}
    allowed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "server", "client", "tests", "specs"}
    assert not {name for name in top if not name.startswith(".")} - allowed
