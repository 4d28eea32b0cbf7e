"""Guards of the documents: what they name is there. The README's sale itself is run in journeys/."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from boxoffice.inventory.changes import Change
from boxoffice.inventory.commands import BookingState, Command
from boxoffice.kit.settings import VARIABLES
from source_tree import PACKAGE, ROOT, owners_of_tables

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "CHANGELOG.md")
DECISIONS = ROOT / "docs" / "decisions"

# What the Apache foundation publishes, to the last byte.
LICENSE_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"

# Only compose.yaml knows these; the settings class does not.
_OF_COMPOSE = {"POSTGRES_APP_PASSWORD", "POSTGRES_PASSWORD", "PUBLISHED_PORT"}

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")
_PATH = re.compile(r"(?<![\w/.<])((?:src|tests|docs|bench|requirements)/[\w./-]*[\w/])")
_MODULE = re.compile(
    r"(?<![\w/])((?:accounts|booking|catalog|inventory|kit|payments|tickets|migrations)/\w+\.py)"
)
_TARGET = re.compile(r"^ {4}make (\w+)|`make (\w+)", re.MULTILINE)
_VARIABLE = re.compile(r"\b(BOXOFFICE_[A-Z_]+|DATABASE_URL)\b")

Rule = Callable[[str], Iterator[str]]


def broken_links(text: str) -> Iterator[str]:
    for target in _LINK.findall(text):
        if not target.startswith(("https://", "http://")) and not (ROOT / target.partition("#")[0]).exists():
            yield target


def missing_tests(text: str) -> Iterator[str]:
    for name, test in _TEST.findall(text):
        path = ROOT / name
        if not path.exists() or not re.search(rf"^(async )?def {test}\(", path.read_text(), re.MULTILINE):
            yield f"{name}::{test}"


def missing_paths(text: str) -> Iterator[str]:
    yield from (name for name in _PATH.findall(text) if not (ROOT / name).exists())
    yield from (name for name in _MODULE.findall(text) if not (ROOT / PACKAGE / name).exists())


def missing_targets(text: str) -> Iterator[str]:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    yield from (one or other for one, other in _TARGET.findall(text) if (one or other) not in targets)


def missing_settings(text: str) -> Iterator[str]:
    yield from (name for name in _VARIABLE.findall(text) if name not in VARIABLES)


_RULES: tuple[Rule, ...] = (broken_links, missing_tests, missing_paths, missing_targets, missing_settings)


def _documents() -> list[Path]:
    return [*(ROOT / name for name in DOCUMENTS), *sorted((ROOT / "docs").rglob("*.md"))]


def _text_of(path: Path) -> str:
    """The document, its links as they lead from the root."""
    folder = path.parent.relative_to(ROOT)
    return re.sub(r"\]\((?!https?://|#)", f"]({folder}/", path.read_text())


@pytest.mark.parametrize("rule", _RULES)
def test_what_the_documents_name_is_there(rule: Rule):
    findings = [f"{path.name}: {name}" for path in _documents() for name in rule(_text_of(path))]

    assert findings == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (broken_links, "see [that](docs/nowhere.md)"),
        (missing_tests, "tests/test_readme.py::test_that_nobody_wrote"),
        (missing_tests, "tests/nowhere.py::test_a"),
        (missing_paths, "`tests/nowhere.py`"),
        (missing_paths, "in kit/nowhere.py"),
        (missing_targets, "run `make coffee`"),
        (missing_targets, "    make coffee     black"),
        (missing_settings, "set BOXOFFICE_COFFEE"),
    ],
)
def test_a_rule_finds_what_it_is_for(rule: Rule, text: str):
    assert list(rule(text))


def test_every_promise_is_shown_by_a_test():
    rows = re.findall(r"^\| (P\d+) \|(.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert [name for name, _ in rows] == [f"P{number}" for number in range(1, 11)]
    assert [name for name, row in rows if not _TEST.search(row)] == []


def test_the_map_of_the_architecture_is_the_tree():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    drawn = text.partition("## The map")[2].partition("Imports point down")[0]
    modules = {
        name for line in drawn.splitlines() for name in re.findall(r"(?<!\S)\w+(?:/|\.py)(?=\s)", line)
    }
    folders = {f"{path.name}/" for path in (ROOT / PACKAGE).iterdir() if (path / "__init__.py").exists()}

    assert folders <= modules, "every folder of the package is on the map"
    assert [
        name
        for name in sorted(modules)
        if not (ROOT / PACKAGE / name).exists()
        and not (ROOT / name).exists()
        and not (ROOT / "tests" / name).exists()
        and not list((ROOT / PACKAGE / "inventory").glob(name))
    ] == []


def test_the_architecture_fits_a_page():
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 130


def test_the_lock_order_names_every_table_that_is_locked():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    sources = [path.read_text() for path in (ROOT / PACKAGE).rglob("*queries.py")]
    locked = {
        re.findall(r"\bFROM (\w+)", before)[-1]
        for source in sources
        for before in re.split(r"FOR (?:NO KEY )?UPDATE(?=[\s\"])", source)[:-1]
        if re.findall(r"\bFROM (\w+)", before)
    } & set(owners_of_tables())

    assert "inventories" in locked
    assert [table for table in sorted(locked) if f"`{table}` row" not in text] == []


def test_the_glossary_has_the_words_of_the_heart_and_of_the_tables():
    text = (ROOT / "GLOSSARY.md").read_text()
    commands = [command.__name__ for command in get_args(Command)]
    changes = [change.__struct_config__.tag for change in get_args(Change)]
    tables = {
        singular
        for table in owners_of_tables()
        for singular in [re.sub(r"(?<!ser)ies$", "y", table.split("_")[-1]).removesuffix("s").lower()]
    } - {"count", "price", "key"}

    missing = [
        word
        for word in (*commands, *changes, *(state.value for state in BookingState), *sorted(tables))
        if not re.search(rf"\b{word}", text)
    ]
    assert missing == []


def test_no_word_is_explained_twice():
    words = re.findall(r"^\| ([^|]+) \|", (ROOT / "GLOSSARY.md").read_text(), re.MULTILINE)
    explained = [word for word in words if word not in {"word", "not", "---"}]

    assert len(explained) == len(set(explained))


def test_decisions_are_numbered_and_say_why_and_how_they_are_guarded():
    paths = sorted(DECISIONS.glob("*.md"))

    assert [path.name[:4] for path in paths] == [f"{number:04}" for number in range(1, len(paths) + 1)]
    for path in paths:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} ")
        parts = re.findall(r"^(Context|Decision|Consequences|Guard)\. ", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Guard"], path.name


def test_the_licence_is_unmodified():
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == LICENSE_SHA256


def test_pictures_are_whole_and_reach_for_nothing_outside():
    pictures = list((ROOT / "docs").glob("*.svg"))

    assert pictures
    for picture in pictures:
        assert ET.fromstring(picture.read_text()).tag.endswith("svg")  # noqa: S314  our own file
        assert not re.search(r"(href|src)=|@import|<script", picture.read_text())
