"""docs/operations.md is read at three in the morning: what it names is there, and what there is it names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Counter
from typer.main import get_command

from boxoffice.cli import app
from boxoffice.kit import metrics
from boxoffice.tickets import check_in
from source_tree import PACKAGE, ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text()

# Where operators look: the handbook and what it sends them to.
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# The role that serves, and what our refunds are marked with at Stripe: no figures.
_NO_FIGURE = {"boxoffice_app", "boxoffice_refund_id"}

_SPOKEN = ("debug", "info", "warning", "error", "exception")


def section(title: str) -> str:
    """What stands under a heading."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def figures() -> set[str]:
    """What `/metrics` shows, by the names that Prometheus keeps."""
    assert check_in.CHECK_INS
    return {
        f"{each.name}_total" if each.type == "counter" else each.name
        for each in REGISTRY.collect()
        if each.name.startswith("boxoffice_")
    }


def spoken(*levels: str) -> Iterator[str]:
    """What is said in the log at these levels, as it is written in the source."""
    for path in (ROOT / PACKAGE).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_log"), attr=level),
                    args=[ast.Constant(value=str(event)), *_],
                ) if level in levels:
                    yield event
                case ast.Call(
                    func=ast.Name(id="Outage"), args=[ast.Constant(value=str(a)), ast.Constant(value=str(b))]
                ):
                    yield from (a, b) if "warning" in levels else ()
                case _:
                    pass


def unknown_commands(text: str) -> Iterator[str]:
    """Lines and spans of code that call `boxoffice` in a way it does not know."""
    for words in re.findall(r"(?:^ {4}|`)boxoffice ([a-z][^`\n]*?)(?=`| {2}|$)", text, re.MULTILINE):
        command, line = get_command(app), words.split()
        while line and line[0] in getattr(command, "commands", {}):
            command = command.commands[line.pop(0)]  # pyright: ignore[reportAttributeAccessIssue]
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        if (line and hasattr(command, "commands")) or [
            word for word in line if word.startswith("--") and word not in options
        ]:
            yield words


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_figures_that_are_named_are_there(path: Path):
    text = path.read_text()
    named = set(re.findall(r"\bboxoffice_\w+", text)) - _NO_FIGURE
    known = figures()

    assert list(unknown_commands(text)) == []
    assert {name for name in named if not known & {name, re.sub("_(bucket|count|sum)$", "", name)}} == set()


def test_a_command_that_is_not_there_is_found():
    text = "`boxoffice ledger verify` and `boxoffice ledger burn`\n    boxoffice doctor --fast   hurry\n"

    assert list(unknown_commands(text)) == ["ledger burn", "doctor --fast"]


def test_every_figure_is_explained():
    assert set(re.findall(r"`(boxoffice_\w+)`", section("Figures"))) == figures()


def test_alarms_ask_for_labels_that_are_said():
    source = "".join(path.read_text() for path in (ROOT / PACKAGE).rglob("*.py"))
    said = {
        value.strip("\\")
        for label, wanted in re.findall(r'(\w+)=~?"([^"]+)"', section("Alarms"))
        if label != "status"
        for value in wanted.split("|")
    }

    assert len(said) > 4
    assert [value for value in said if f'"{value}"' not in source] == []


def test_what_the_log_says_is_as_the_source_has_it():
    named = set(
        re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (.*?) \|", section("Log lines"), re.MULTILINE)))
    )
    errors = set(spoken("error", "exception")) - {"%s"}

    assert named - {"event"} <= set(spoken(*_SPOKEN))
    assert errors <= named, "what is an error wakes somebody, who wants to know what to do"


def test_the_series_that_alarms_are_for_begin_at_zero():
    metrics.count_from_zero("a-provider")
    for counter in (metrics.DISPUTES, metrics.FOREIGN_MONEY, metrics.BOOKS_DIFFER, metrics.REFUND_FACTS):
        assert isinstance(counter, Counter)
        [family] = counter.collect()
        begun = [each for each in family.samples if each.labels["provider"] == "a-provider"]
        assert {each.value for each in begun if each.name.endswith("_total")} == {0.0}
