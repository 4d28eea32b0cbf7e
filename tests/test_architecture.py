"""Guards of the architecture: who writes which table, where SQL and the network live, who commits.

Each rule is a function from a file to its findings, and has an example of what it must find. Which
way imports may point is said in `pyproject.toml`; import-linter checks it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from source_tree import (
    PACKAGE,
    ROOT,
    SourceFile,
    called_method,
    owners_of_tables,
    parameters,
    python_files,
    texts,
)

# What writes a table. `FOR UPDATE` is a lock and `DO UPDATE` belongs to its INSERT.
_WRITE = re.compile(
    r"(?:INSERT INTO|DELETE FROM|TRUNCATE(?: TABLE)?|MERGE INTO|(?<!FOR )(?<!KEY )(?<!DO )UPDATE)"
    r" (?:ONLY )?(\w+)"
)

# What reads one.
_READ = re.compile(r"(?:FROM|JOIN) (?:ONLY )?(\w+)|,\s*(?:LATERAL )?(\w+) AS ")

# The beginning of a statement, wherever it is in a text.
_SQL = re.compile(
    r"\b(SELECT\s.*\bFROM|SELECT\s+\w+\(|INSERT\s+INTO|UPDATE\s+\w+\s+(AS\s+\w+\s+)?SET|DELETE\s+FROM|MERGE\s+INTO"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|DATABASE|FUNCTION)|TRUNCATE\s|LOCK\s+TABLE|(UN)?LISTEN\s|NOTIFY\s)",
    re.DOTALL,
)

# Besides the queries: what runs them, what sets up a server without a schema, and one health check.
_SQL_ALSO = re.compile(
    rf"{PACKAGE}/(migrations/.*|kit/(health|postgres|postgres_data|traces/statements)\.py)"
)

# What a transaction's owner does, and nobody else.
_OWNERS_WORK = {"transaction", "commit", "rollback"}

# Both make rivals wait for our commit. NO KEY leaves alone the foreign keys that point at the row.
_LOCK = re.compile(r" FOR (NO KEY )?UPDATE(?! SKIP LOCKED)")

_NETWORK = re.compile(
    r"(httpx|httpcore|requests|aiohttp|urllib3|urllib\.request|http\.client|smtplib|aiosmtplib|ftplib"
    r"|imaplib|poplib|websockets|grpc|stripe|boto3|botocore|obstore)(\.|$)"
)

# What has a client of its own, and refuses transactions like `kit/outbound.py`.
_NETWORK_ALSO = tuple(
    f"{PACKAGE}/{name}.py"
    for name in ("payments/stripe/provider", "payments/stripe/traced", "kit/mail", "kit/files")
)

Rule = Callable[[SourceFile], Iterator[str]]


def foreign_writes(file: SourceFile) -> Iterator[str]:
    """A table is written by its owner's queries only, so all that can happen to it is on one page."""
    owners = owners_of_tables()
    for node, text in texts(file.tree) if file.is_queries else ():
        for table in _WRITE.findall(" ".join(text.split())):
            if owners.get(table) != file.domain:
                owner = owners.get(table, "nobody we know")
                yield f"{file.at(node)} writes {table}, which belongs to {owner}"


def stray_sql(file: SourceFile) -> Iterator[str]:
    """SQL lives in queries.py, where a reader and `test_queries` look for it."""
    if file.is_queries or _SQL_ALSO.fullmatch(file.name):
        return
    for node, text in texts(file.tree):
        if _SQL.search(text):
            yield f"{file.at(node)} has SQL outside of queries.py"
    for node in ast.walk(file.tree):
        if called_method(node) == "execute":
            assert isinstance(node, ast.Call)
            yield f"{file.at(node)} executes a statement outside of queries.py"


def foreign_queries(file: SourceFile) -> Iterator[str]:
    """Other domains call a use case, which knows the rules, not its queries, which do not.

    What lies at the top of the package belongs to no domain and may look anywhere.
    """
    for module, node in _imports(file):
        found = re.match(r"boxoffice\.(\w+)\.(?:\w+\.)*(?:\w+_)?queries\b", module)
        if found and found[1] != file.domain and file.module.count(".") > 1:
            yield f"{file.at(node)} reaches for the queries of {found[1]}"


def borrowed_transactions(file: SourceFile) -> Iterator[str]:
    """Who is given a transaction (or only a source to read) neither opens nor ends one."""
    for function in file.functions():
        given = next(iter(parameters(function)), ("", ""))[0]
        if given not in {"tx", "source"}:
            continue
        if any(annotation == "Database" for _, annotation in parameters(function)):
            yield f"{file.at(function)} {function.name} is given {given} and a database"
        for node in ast.walk(function):
            if called_method(node) in _OWNERS_WORK:
                yield f"{file.at(function)} {function.name} is given {given} and does {called_method(node)}()"


def misplaced_sources(file: SourceFile) -> Iterator[str]:
    """The first parameter tells. Handlers are given theirs by name, so there the order says nothing."""
    names = {"Transaction": "tx", "Source": "source", "Database": "db"}
    for function in file.functions():
        for index, (name, annotation) in enumerate(parameters(function)):
            if annotation not in names or function.name == "__init__":
                continue
            if name.removeprefix("_") != names[annotation]:
                yield f"{file.at(function)} {function.name}: a {annotation} is called {names[annotation]}"
            elif index > 0 and not file.name.endswith("api.py") and file.domain != "kit":
                yield f"{file.at(function)} {function.name}: {name} comes first"


def queries_without_source(file: SourceFile) -> Iterator[str]:
    """A coroutine in queries.py talks to PostgreSQL; its first parameter says in whose transaction."""
    for function in file.functions() if file.is_queries else ():
        first = next(iter(parameters(function)), ("", ""))
        if isinstance(function, ast.AsyncFunctionDef) and first not in {
            ("tx", "Transaction"),
            ("source", "Source"),
            ("db", "Database"),
        }:
            yield f"{file.at(function)} {function.name} takes tx, source or db first"


def unclean_locks(file: SourceFile) -> Iterator[str]:
    """A lock is a statement of its own, over one table.

    Once the wait is over, PostgreSQL reads the locked row anew, but not what was joined to it: the
    row would then be paired with the past, or not be found at all. Who skips what is locked waits for nobody.
    """
    for function in file.functions() if file.is_queries else ():
        statements = [" ".join(text.split()) for _, text in texts(function)]
        locks = [found for statement in statements for found in _LOCK.finditer(statement)]
        if not function.name.startswith("lock_"):
            if locks:
                yield f"{file.at(function)} {function.name} locks: it is called lock_"
            continue
        if len(locks) != 1:
            yield f"{file.at(function)} {function.name} has {len(locks)} times FOR UPDATE, not once"
        tables = {table for text in statements for pair in _READ.findall(text) for table in pair if table}
        if len(tables) != 1:
            yield f"{file.at(function)} {function.name} reads {sorted(tables)}, not one table"


def network_clients(file: SourceFile) -> Iterator[str]:
    """Calls to the outside go through `kit/outbound.py`, which bounds them and refuses transactions.

    What goes wrong there may be caught by its name elsewhere. A provider's own SDK makes its calls itself,
    letters go by SMTP, and the store of files has its own client; the modules that do so must refuse
    transactions too.
    """
    if file.name == f"{PACKAGE}/kit/outbound.py":
        return
    if file.name in _NETWORK_ALSO and "assert_no_transaction(" in ast.unparse(file.tree):
        return
    for module, node in _imports(file):
        if not _NETWORK.match(module):
            continue
        top = module.partition(".")[0]
        uses = [
            part.attr
            for part in ast.walk(file.tree)
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == top
        ]
        if isinstance(node, ast.ImportFrom):
            uses = [module.rpartition(".")[2]]
        if not uses or not all(use.endswith("Error") for use in uses):
            yield f"{file.at(node)} imports {module}; the network is behind kit/outbound.py"


def raw_connections(file: SourceFile) -> Iterator[str]:
    """Only the kit sees the driver's connection: nobody else can commit or run untyped SQL."""
    if file.domain == "kit":
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "tx.connection":
            yield f"{file.at(node)} takes the connection out of a transaction"


def _imports(file: SourceFile) -> Iterator[tuple[str, ast.Import | ast.ImportFrom]]:
    """Everything imported, `from a import b` as a.b."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


_RULES: tuple[Rule, ...] = (
    foreign_writes,
    stray_sql,
    foreign_queries,
    borrowed_transactions,
    misplaced_sources,
    queries_without_source,
    unclean_locks,
    network_clients,
    raw_connections,
)


@pytest.mark.parametrize("rule", _RULES)
def test_the_package_keeps_to_the_architecture(rule: Rule):
    findings = [finding for file in python_files(PACKAGE) for finding in rule(file)]

    assert not findings, "\n" + "\n".join(findings)


def test_imports_point_down():
    program = Path(sys.executable).parent / "lint-imports"
    verdict = subprocess.run(
        [program, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert verdict.returncode == 0, verdict.stdout


def test_every_table_has_an_owner_with_queries():
    folders = {file.domain for file in python_files(PACKAGE) if file.is_queries}

    assert set(owners_of_tables().values()) <= folders
    assert owners_of_tables()["claims"] == "inventory"


def _query(statement: str, *, name: str = "update_a", first: str = "tx: Transaction") -> str:
    return f"async def {name}({first}):\n    await tx.execute('''{statement}''')"


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (foreign_writes, "booking/queries.py", _query("INSERT INTO claims (a) VALUES (1)")),
        (foreign_writes, "booking/queries.py", _query("WITH a AS (DELETE FROM\n claims) SELECT 1")),
        (foreign_writes, "booking/queries.py", _query("UPDATE ONLY bookings SET a = 1")),
        (foreign_writes, "booking/queries.py", _query("UPDATE nothing_known SET a = 1")),
        (stray_sql, "booking/holds.py", _query("INSERT INTO claims (a) VALUES (1)")),
        (stray_sql, "booking/holds.py", "A = f'SELECT {b} FROM claims'"),
        (stray_sql, "booking/holds.py", "async def a():\n    await tx.execute(statement)"),
        (foreign_queries, "booking/holds.py", "from boxoffice.catalog import queries"),
        (foreign_queries, "booking/holds.py", "from boxoffice.payments.sandbox.queries import a"),
        (
            borrowed_transactions,
            "booking/holds.py",
            "async def a(tx: Transaction):\n    async with b.transaction(): ...",
        ),
        (borrowed_transactions, "booking/holds.py", "async def a(tx: Transaction, db: Database): ..."),
        (borrowed_transactions, "booking/holds.py", "async def a(source: Source):\n    await b.commit()"),
        (misplaced_sources, "booking/holds.py", "async def a(b: int, tx: Transaction): ..."),
        (misplaced_sources, "booking/holds.py", "async def a(database: Database): ..."),
        (queries_without_source, "booking/queries.py", _query("SELECT 1", first="a: int")),
        (queries_without_source, "booking/queries.py", _query("SELECT 1", first="tx: Database")),
        (unclean_locks, "booking/queries.py", _query("SELECT 1 FROM bookings", name="lock_a")),
        (
            unclean_locks,
            "booking/queries.py",
            _query("SELECT 1 FROM bookings JOIN events ON a FOR UPDATE", name="lock_a"),
        ),
        (unclean_locks, "booking/queries.py", _query("SELECT 1 FROM bookings FOR SHARE", name="lock_a")),
        (unclean_locks, "booking/queries.py", _query("SELECT 1 FROM bookings FOR UPDATE", name="find_a")),
        (network_clients, "payments/sandbox/provider.py", "import httpx\nhttpx.AsyncClient()"),
        (network_clients, "payments/sandbox/provider.py", "from httpx import AsyncClient"),
        (network_clients, "payments/stripe/provider.py", "import stripe\nstripe.StripeClient()"),
        (network_clients, "kit/files.py", "import obstore\nobstore.put()"),
        (network_clients, "catalog/images/a.py", "import obstore\nobstore.put()"),
        (network_clients, "accounts/mail.py", "def a():\n    import smtplib"),
        (network_clients, "accounts/mail.py", "from urllib import request"),
        (raw_connections, "payments/facts.py", "async def a():\n    await tx.connection.fetch(1)"),
    ],
)
def test_a_rule_finds_what_it_is_for(rule: Rule, name: str, text: str):
    assert list(rule(SourceFile(f"{PACKAGE}/{name}", text)))


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (foreign_writes, "inventory/queries.py", _query("DELETE FROM claims")),
        (foreign_writes, "booking/queries.py", _query("SELECT 1 FROM claims\n FOR NO KEY\n UPDATE OF a")),
        (foreign_writes, "accounts/queries.py", _query("INSERT INTO users (a) ... DO UPDATE SET a = 1")),
        (stray_sql, "booking/holds.py", '"""SELECT 1 FROM claims, in prose."""'),
        (stray_sql, "booking/holds.py", "a = 'Select seats from the map, then update it.'"),
        (foreign_queries, "catalog/events.py", "from boxoffice.catalog import queries"),
        (unclean_locks, "booking/queries.py", _query("SELECT 1 FROM a WHERE b FOR UPDATE", name="lock_a")),
        (unclean_locks, "booking/queries.py", _query("SELECT 1 FROM a JOIN b FOR UPDATE SKIP LOCKED")),
        (network_clients, "payments/a.py", "import httpx\ntry: ...\nexcept httpx.HTTPError: ..."),
        (network_clients, "payments/a.py", "from http import HTTPStatus\nfrom urllib.parse import quote"),
    ],
)
def test_a_rule_leaves_alone_what_is_fine(rule: Rule, name: str, text: str):
    assert list(rule(SourceFile(f"{PACKAGE}/{name}", text))) == []
