"""What a run came to: a table for eyes, a JSON file for machines, a chart for the README."""

import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.chart import render_chart
from bench.figures import Figure, Finding
from bench.menu import TITLES
from bench.peers import Peer

# CPU per hold at 256 connections and two workers that this version promises, in milliseconds.
GOAL_APP_MS = 0.25
GOAL_POSTGRES_MS = 0.04


class Report(msgspec.Struct, frozen=True):
    """A run: where, on what, how long, and all its figures, each repetition of a phase by itself."""

    at: datetime
    machine: dict[str, str]
    postgres: dict[str, str]
    workers: int
    figures: list[Figure]
    findings: list[Finding]
    repetitions: list[Figure]


def describe_machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607  whichever git there is
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "not known"


def write(report: Report, folder: Path) -> None:
    """Leave `latest.json` and `latest.svg`, and the JSON under its time for comparisons."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (folder / f"{report.at:%Y%m%dT%H%M%SZ}.json").write_bytes(text)
    (folder / "latest.json").write_bytes(text)
    (folder / "latest.svg").write_text(render_chart(report.figures))


def show(report: Report, console: Console) -> None:
    """Print the tables, how we compare, and what is not true, if anything."""
    for row, title in TITLES.items():
        figures = [figure for figure in report.figures if figure.row == row]
        if figures:
            console.print(_table(title, row, figures))
    for line in compare(report.figures):
        console.print(line)
    if report.findings:
        console.print(_findings(report.findings))
    machine, postgres = report.machine, report.postgres
    console.print(
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, Python {machine['python']}, "
        f"commit {machine['commit']}; PostgreSQL {postgres['server_version']}, fsync {postgres['fsync']}, "
        f"synchronous_commit {postgres['synchronous_commit']}; {report.workers} workers.",
        style="dim",
    )
    for each in [*report.figures, *report.findings]:
        for fault in each.faults:
            console.print(f"[bold red]NOT TRUE[/] {each.name}: {fault}")


def _table(title: str, row: str, figures: list[Figure]) -> Table:
    one = "sale" if row == "sale" else "refusal" if row == "refused" else "hold"
    table = Table(
        title=title,
        caption=f"CPU in ms per {one}; latency in ms of the first request, the mean for pgbench",
    )
    for name in ("", f"{one}s/s", "p50", "p95", "p99"):
        table.add_column(name, justify="right" if name else "left")
    for name in ("app", "PostgreSQL", "both", "client", "client s/1,000 requests", "elsewhere"):
        table.add_column(name, justify="right")
    for figure in figures:
        percentiles = [figure.p50_ms, figure.p95_ms, figure.p99_ms]
        table.add_row(
            figure.name,
            f"{figure.rate:,.0f}",
            *[
                f"{value:.1f}"
                if value is not None
                else ("⌀ " + f"{figure.latency_ms:.1f}" if place == 0 else "")
                for place, value in enumerate(percentiles)
            ],
            f"{figure.app_ms:.3f}" if figure.app_ms else "",
            f"{figure.postgres_ms:.3f}",
            f"{figure.total_ms:.3f}",
            f"{figure.client_ms:.3f}",
            f"{figure.client_s_per_1000_requests:.3f}",
            f"{figure.elsewhere:.0%}",
        )
    return table


def _findings(findings: list[Finding]) -> Table:
    table = Table(title="Found")
    for name in ("row", "", "value", "", "goal", ""):
        table.add_column(name, justify="right" if name in {"value", "goal"} else "left")
    for finding in findings:
        reached = finding.goal is None or finding.value <= finding.goal
        verdict = "" if finding.goal is None else "[green]reached[/]" if reached else "[red]not reached[/]"
        goal = "" if finding.goal is None else f"≤ {finding.goal:g}"
        table.add_row(
            finding.row,
            finding.name,
            f"{finding.value:,.3g}" if finding.value < 1_000 else f"{finding.value:,.0f}",
            finding.unit,
            goal,
            verdict,
        )
    return table


def compare(figures: list[Figure]) -> list[str]:
    """Sentences: our best rate over the peers', and the goals."""
    ours = [figure for figure in figures if figure.row == "holds" and figure.app_ms]
    lines: list[str] = []
    for peer in Peer:
        peers = [figure for figure in figures if str(peer) in figure.name]
        if ours and peers:
            best, best_peer = max(ours, key=_rate), max(peers, key=_rate)
            lines.append(
                f"{best.name}: {best.rate / best_peer.rate:.2f} x the holds/s of {best_peer.name}, "
                f"with {best.postgres_ms / best_peer.postgres_ms:.2f} x its PostgreSQL CPU per hold."
            )
    if at_256 := next((figure for figure in ours if figure.connections == 256), None):
        lines += [
            _goal("App CPU per hold at 256 connections", at_256.app_ms, GOAL_APP_MS),
            _goal("PostgreSQL CPU per hold at 256 connections", at_256.postgres_ms, GOAL_POSTGRES_MS),
        ]
    return lines


def _rate(figure: Figure) -> float:
    return figure.rate


def _goal(what: str, is_: float, goal: float) -> str:
    verdict = "[green]reached[/]" if is_ <= goal else "[red]not reached[/]"
    return f"{what}: {is_:.3f} ms, goal {goal} ms: {verdict}."
