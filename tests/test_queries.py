"""Guard of the SQL: every statement of every queries.py is prepared by PostgreSQL on the real schema.

So a misspelt column, a missing cast or a row type that does not fit its SELECT fails here, not in a
path that no other test walks. A query must be a literal, or a constant and a literal after it: only then
can it be collected (and nothing a client sends can become part of it).
"""

import ast
import builtins
import importlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from source_tree import PACKAGE, SourceFile, called_method, parameters, python_files

_METHODS = {"find", "get", "list", "execute"}
_SOURCES = {"tx", "source", "db"}


@dataclass(frozen=True)
class Query:
    """A statement as it is written: its text, what its rows become, how many arguments it is given.

    `text` is None when it is no literal, `row_type` when it gives no rows, `arguments` when some of
    them are spread (`*columns`).
    """

    place: str
    function: str
    text: str | None
    row_type: Any
    arguments: int | None


def queries_of(file: SourceFile) -> Iterator[Query]:
    """Every statement that this file hands to a transaction, a source or a database."""
    for function in file.functions():
        for node in ast.walk(function):
            method = called_method(node)
            if method not in _METHODS or not isinstance(node, ast.Call):
                continue
            assert isinstance(node.func, ast.Attribute)
            if ast.unparse(node.func.value) in _SOURCES:
                yield _query(file, function.name, node, has_rows=method != "execute")


def _query(file: SourceFile, function: str, call: ast.Call, *, has_rows: bool) -> Query:
    given = call.args[1:] if has_rows else call.args
    text = _literal(file, given[0]) if given else None
    spread = any(isinstance(argument, ast.Starred) for argument in given)
    return Query(
        place=file.at(call),
        function=function,
        text=text,
        row_type=_named(file, ast.unparse(call.args[0])) if has_rows else None,
        arguments=None if spread else len(given) - 1,
    )


def _literal(file: SourceFile, node: ast.expr) -> str | None:
    """The text of a statement that is a literal, or one after the constant that its rows are read from."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.BinOp(left=ast.Name(name), op=ast.Add(), right=ast.Constant(value=str(text))):
            beginning = _named(file, name)
            return beginning + text if isinstance(beginning, str) else None
        case _:
            return None


def _named(file: SourceFile, name: str) -> Any:
    """What a module means by a name."""
    module = importlib.import_module(file.module)
    return getattr(module, name) if hasattr(module, name) else getattr(builtins, name, None)


def faults_of(query: Query, parameters_wanted: int, columns: list[str]) -> list[str]:
    """What does not fit between a statement and the code around it."""
    faults: list[str] = []
    if query.arguments is not None and query.arguments != parameters_wanted:
        faults.append(f"it wants {parameters_wanted} arguments and is given {query.arguments}")
    if query.row_type is None:
        return faults
    if issubclass(query.row_type, msgspec.Struct):
        if sorted(columns) != sorted(query.row_type.__struct_fields__):
            faults.append(f"its columns are {columns}, its row is {query.row_type.__struct_fields__}")
    elif len(columns) != 1:
        faults.append(f"its columns are {columns}, its row is one {query.row_type.__name__}")
    return faults


_FILES = [file for file in python_files(PACKAGE) if file.is_queries]
_QUERIES = [query for file in _FILES for query in queries_of(file)]


@pytest_asyncio.fixture(scope="module")
async def connection(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


@pytest.mark.parametrize("query", _QUERIES, ids=[query.function for query in _QUERIES])
async def test_postgresql_understands_the_query_and_gives_what_its_row_type_wants(
    connection: asyncpg.Connection, query: Query
):
    assert query.text is not None, f"{query.place} is no literal: it cannot be checked"
    statement = await connection.prepare(query.text)
    columns = [attribute.name for attribute in statement.get_attributes()]

    assert faults_of(query, len(statement.get_parameters()), columns) == [], query.place


@pytest.mark.parametrize("file", _FILES, ids=[file.domain for file in _FILES])
def test_every_function_that_takes_a_source_has_a_query_we_found(file: SourceFile):
    """A statement that is handed over in some other way would escape the test above."""
    takers = {
        function.name
        for function in file.functions()
        if next(iter(parameters(function)), ("", ""))[0] in _SOURCES
    }

    assert takers == {query.function for query in queries_of(file)}


def _queries(body: str, file: str = "inventory/queries.py") -> list[Query]:
    return list(queries_of(SourceFile(f"{PACKAGE}/{file}", f"async def a(tx):\n    {body}")))


@pytest.mark.parametrize(
    "body",
    [
        "await tx.execute(f'DELETE FROM {table}')",
        "await tx.execute('DELETE FROM ' + table)",
        "await tx.find(int, _SELECT)",
        "await tx.list(int, *everything)",
    ],
)
def test_a_query_that_is_no_literal_is_found(body: str):
    assert [query.text for query in _queries(body)] == [None]


def test_what_does_not_fit_is_found():
    (struct,) = _queries("await tx.list(AreaCount, 'SELECT 1', b, c)")
    (scalar,) = _queries("await tx.get(int, 'SELECT 1')")
    (spread,) = _queries("await tx.execute('SELECT 1', *b)")

    assert len(faults_of(struct, 1, ["area_id", "taken"])) == 1
    assert len(faults_of(struct, 2, ["area_id"])) == 1
    assert len(faults_of(struct, 2, ["area_id", "taken", "capacity"])) == 1
    assert faults_of(struct, 2, ["taken", "area_id"]) == []
    assert len(faults_of(scalar, 0, ["a", "b"])) == 1
    assert faults_of(scalar, 0, ["a"]) == []
    assert faults_of(spread, 7, []) == []
