"""Guards of tidiness: sizes, names, leftovers, and limits that say why they are what they are.

Each rule is a function from a file to its findings, and has an example of what it must find.
"""

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from source_tree import MIGRATION, PACKAGE, ROOT, SourceFile, kept_files, parameters, python_files

# What fits in a head, and in a review.
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# They say that something lies here, not what.
_NO_NAMES = {
    "util",
    "utils",
    "helper",
    "helpers",
    "manager",
    "managers",
    "common",
    "base",
    "service",
    "services",
}

# How the name of a limit or of a duration ends.
_LIMIT = re.compile(r"_(MAX|MIN|SECONDS|MINUTES|DAYS)$")

# What a query may be called: the word says what may come of it.
_PREFIX = re.compile(r"(find|get|list|insert|claim|lock|delete|update)_\w+")
_READS = ("find", "get", "list")

# The command line and its parts talk to a person; everything else talks to a log.
_MAY_PRINT = re.compile(rf"{PACKAGE}/(cli|serve|demo|doctor)\w*(\.py|/.*)")

# Written so that this file does not find itself.
_UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
_PLACES = re.compile(r"pypi\.org|files\.pythonhosted|/wor[k]/|/roo[t]/")

Rule = Callable[[SourceFile], Iterator[str]]


def long_files(file: SourceFile) -> Iterator[str]:
    if (lines := file.text.count("\n")) > FILE_LINES_MAX:
        yield f"{file.name} has {lines} lines, more than {FILE_LINES_MAX}"


def long_functions(file: SourceFile) -> Iterator[str]:
    """A migration is one function by Alembic's rule, and a list of statements by ours."""
    if MIGRATION.fullmatch(file.name):
        return
    for function in file.functions():
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX:
            yield f"{file.at(function)} {function.name} has {lines} lines, more than {FUNCTION_LINES_MAX}"


def empty_names(file: SourceFile) -> Iterator[str]:
    """Of a module its last word counts, which is the noun: `common_passwords` are passwords."""
    for part in file.module.split("."):
        if part.rpartition("_")[2] in _NO_NAMES:
            yield f"{file.name}: {part!r} does not say what is in there"
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ClassDef):
            for word in re.findall(r"[A-Z][a-z]*", node.name):
                if word.lower() in _NO_NAMES:
                    yield f"{file.at(node)} {node.name}: {word!r} does not say what it is"


def unfinished_work(file: SourceFile) -> Iterator[str]:
    for number, line in enumerate(file.text.splitlines(), 1):
        if _UNFINISHED.search(line):
            yield f"{file.name}:{number} is not finished: {line.strip()}"


def swallowed_errors(file: SourceFile) -> Iterator[str]:
    """Any error at all, and nothing done about it."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ExceptHandler):
            idle = all(
                isinstance(step, ast.Pass | ast.Continue)
                or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
                for step in node.body
            )
            if idle and _is_any_error(node.type):
                yield f"{file.at(node)} swallows every error"
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("suppress")
            and any(_is_any_error(argument) for argument in node.args)
        ):
            yield f"{file.at(node)} suppresses every error"


def _is_any_error(kind: ast.expr | None) -> bool:
    return kind is None or bool(re.search(r"\b(Base)?Exception\b", ast.unparse(kind)))


def prints(file: SourceFile) -> Iterator[str]:
    if not file.name.startswith(PACKAGE) or _MAY_PRINT.fullmatch(file.name):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield f"{file.at(node)} prints; only the command line does"


def unexplained_limits(file: SourceFile) -> Iterator[str]:
    """A comment above says why it is this much. Lines without a blank line between share theirs."""
    lines = file.text.splitlines()
    for node in file.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            if not any(_LIMIT.search(name) for name in names) or isinstance(node.value, ast.Call):
                continue
            if not _is_explained(lines, node.lineno - 1):
                yield f"{file.at(node)} {', '.join(names)} has no sentence above it that says why"


def _is_explained(lines: list[str], index: int) -> bool:
    while index > 0 and lines[index - 1] and not lines[index - 1].startswith("#"):
        index -= 1
    above = lines[index - 1] if index > 0 else ""
    return bool(re.fullmatch(r"# .*[.!?:)]", above))


def misnamed_queries(file: SourceFile) -> Iterator[str]:
    """`find_` may be None, `get_` and `list_` never are; what locks runs in a transaction, and what writes
    runs in one or, as a single statement given a database, is one.
    """
    if not file.is_queries:
        return
    for function in file.functions():
        source = next(iter(parameters(function)), ("", ""))[0]
        if source not in {"tx", "source", "db"}:
            continue
        prefix = found[1] if (found := _PREFIX.fullmatch(function.name)) else ""
        returned = ast.unparse(function.returns) if function.returns else ""
        if not prefix:
            yield f"{file.at(function)} {function.name}: a query is called {_PREFIX.pattern}"
        elif prefix not in _READS and (source == "source" or (prefix == "lock" and source == "db")):
            yield f"{file.at(function)} {function.name} writes or locks: it takes tx first"
        elif (prefix == "find" and not returned.endswith("| None")) or (
            prefix == "get" and returned.endswith("None")
        ):
            yield f"{file.at(function)} {function.name} -> {returned}: find_ may be None, get_ never is"
        elif prefix == "list" and not returned.startswith("list["):
            yield f"{file.at(function)} {function.name} -> {returned}: list_ gives a list"


_RULES: tuple[Rule, ...] = (
    long_files,
    long_functions,
    empty_names,
    unfinished_work,
    swallowed_errors,
    prints,
    unexplained_limits,
    misnamed_queries,
)


@pytest.mark.parametrize("rule", _RULES)
def test_every_python_file_is_tidy(rule: Rule):
    findings = [finding for file in python_files("src", "tests", "bench") for finding in rule(file)]

    assert not findings, "\n" + "\n".join(findings)


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (long_files, "bench/a.py", "\n" * (FILE_LINES_MAX + 1)),
        (long_functions, "tests/a.py", "def a():\n" + "    1\n" * FUNCTION_LINES_MAX),
        (empty_names, f"{PACKAGE}/catalog/utils.py", ""),
        (empty_names, f"{PACKAGE}/service/a.py", ""),
        (empty_names, f"{PACKAGE}/kit/seat_helpers.py", ""),
        (empty_names, f"{PACKAGE}/kit/a.py", "class SeatManager: ..."),
        (empty_names, f"{PACKAGE}/kit/a.py", "class BaseSeat: ..."),
        (unfinished_work, "tests/a.py", "a = 1  # TO" + "DO later"),
        (swallowed_errors, "src/a.py", "try:\n    a()\nexcept Exception:\n    pass"),
        (swallowed_errors, "src/a.py", "try:\n    a()\nexcept (ValueError, Exception) as b:\n    ..."),
        (swallowed_errors, "src/a.py", "for a in b:\n    try:\n        a()\n    except:\n        continue"),
        (swallowed_errors, "src/a.py", "with contextlib.suppress(Exception):\n    a()"),
        (prints, f"{PACKAGE}/kit/a.py", "print(1)"),
        (unexplained_limits, "src/a.py", "A_MAX = 1"),
        (unexplained_limits, "src/a.py", "# A is 1.\n\nA_SECONDS: float = 1"),
        (unexplained_limits, "src/a.py", "# pages\nA_MIN, A_MAX = 0, 1"),
        (misnamed_queries, f"{PACKAGE}/a/queries.py", "async def seats(tx: Transaction) -> int: ..."),
        (misnamed_queries, f"{PACKAGE}/a/queries.py", "async def find_a(source: Source) -> int: ..."),
        (misnamed_queries, f"{PACKAGE}/a/queries.py", "async def get_a(source: Source) -> int | None: ..."),
        (misnamed_queries, f"{PACKAGE}/a/queries.py", "async def list_a(source: Source) -> int: ..."),
        (misnamed_queries, f"{PACKAGE}/a/queries.py", "async def update_a(source: Source) -> int: ..."),
        (misnamed_queries, f"{PACKAGE}/a/b_queries.py", "async def lock_a(db: Database) -> int: ..."),
    ],
)
def test_a_rule_finds_what_it_is_for(rule: Rule, name: str, text: str):
    assert list(rule(SourceFile(name, text)))


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (long_files, "src/a.py", "\n" * FILE_LINES_MAX),
        (long_functions, "src/a.py", "@b\n@c\ndef a():\n" + "    1\n" * (FUNCTION_LINES_MAX - 1)),
        (empty_names, f"{PACKAGE}/accounts/common_passwords.py", "class CommandLine: ..."),
        (swallowed_errors, "src/a.py", "try:\n    a()\nexcept ValueError:\n    pass"),
        (swallowed_errors, "src/a.py", "try:\n    a()\nexcept Exception as error:\n    log(error)"),
        (prints, f"{PACKAGE}/cli.py", "print(1)"),
        (unexplained_limits, "src/a.py", "# Two fit.\nA_MAX = 2\nA_MIN = 1"),
        (misnamed_queries, f"{PACKAGE}/a/queries.py", "def _array(numbers: list[int]) -> str: ..."),
    ],
)
def test_a_rule_leaves_alone_what_is_fine(rule: Rule, name: str, text: str):
    assert list(rule(SourceFile(name, text))) == []


def test_no_file_names_a_place_that_only_we_know():
    """Neither a folder of the machine it was written on nor a registry's address."""
    files = kept_files()
    if not files:
        pytest.skip("this is not a git checkout")
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if _PLACES.search(line)
    ]

    assert found == []
    assert _PLACES.search("https://pypi" + ".org/simple")
    assert _PLACES.search("cd /wor" + "k/main")


# The words that DESIGN gives one meaning each.
_TERMS = ("event", "booking", "hold", "claim", "place", "seat", "area", "ticket", "journal", "inventory")


def test_the_glossary_says_what_each_of_our_words_means():
    glossary = ROOT / "GLOSSARY.md"
    if not glossary.exists():
        pytest.skip("GLOSSARY.md is not written yet")
    text = glossary.read_text().lower()

    assert [term for term in _TERMS if not re.search(rf"\b{term}\b", text)] == []
