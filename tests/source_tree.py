"""The repository's own files, as the guards of the house rules read them."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "src/boxoffice"

Function = ast.FunctionDef | ast.AsyncFunctionDef

# A migration's number and the domain (or the part of the kit) whose tables it makes.
MIGRATION = re.compile(rf"{PACKAGE}/migrations/versions/\d{{4}}_([a-z]+)\w*\.py")


@dataclass(frozen=True)
class SourceFile:
    """A Python file, by its name from the root of the repository."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        """The name it is imported by."""
        return self.name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def domain(self) -> str:
        """The folder of the package it lies in; its own name when it lies at the top."""
        return self.module.split(".")[1] if "." in self.module else ""

    @property
    def is_queries(self) -> bool:
        """Whether this is a place where SQL lives."""
        return self.name.endswith("queries.py")

    def functions(self) -> Iterator[Function]:
        """All functions and methods."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def at(self, node: ast.stmt | ast.expr | ast.excepthandler) -> str:
        """Where to look."""
        return f"{self.name}:{node.lineno}"


@cache
def python_files(*folders: str) -> tuple[SourceFile, ...]:
    """Every Python file below these folders."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(SourceFile(str(path.relative_to(ROOT)), path.read_text()) for path in paths)


@cache
def owners_of_tables() -> dict[str, str]:
    """Table to domain: each migration is named after the domain whose tables it makes; one is PgQueuer's."""
    return {"pgqueuer_log": "kit"} | {
        table: found[1]
        for file in python_files(f"{PACKAGE}/migrations/versions")
        if (found := MIGRATION.fullmatch(file.name))
        for table in re.findall(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", file.text)
    }


def kept_files() -> list[Path]:
    """Every file that is in the repository or is about to be; none where there is no repository."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listing.stdout.split("\0") if listing.returncode == 0 else []
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def called_method(node: ast.AST) -> str:
    """`tx.execute(...)` is "execute"; anything that is no method call is ""."""
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def parameters(function: Function) -> list[tuple[str, str]]:
    """Name and annotation of every parameter but `self` and `cls`, in order."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [
        (argument.arg, ast.unparse(argument.annotation) if argument.annotation else "")
        for argument in every
        if argument.arg not in {"self", "cls"}
    ]


def texts(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Every string in the code, an f-string with `{}` for its holes; docstrings are no code."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                skipped.add(id(first.value))
        elif isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node, "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node, node.value
