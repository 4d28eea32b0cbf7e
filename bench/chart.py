"""A small bar chart as SVG, without a library: rates beside CPU, ours beside the peers'."""

from html import escape

from bench.figures import Figure

_WIDTH, _BAR, _GAP, _LEFT, _TOP = 900, 18, 10, 330, 58
_HALF = (_WIDTH - _LEFT) // 2

_OURS, _THEIRS, _APP, _POSTGRES = "#1d3557", "#8d99ae", "#1d3557", "#2a9d8f"


def render_chart(figures: list[Figure]) -> str:
    """One line a figure: holds or sales a second on the left, CPU of app and PostgreSQL on the right."""
    height = _TOP + len(figures) * (_BAR + _GAP) + 20
    rate_max = max((figure.rate for figure in figures), default=0.0) or 1.0
    cpu_max = max((figure.total_ms for figure in figures), default=0.0) or 1.0
    lines = [
        _opening(height),
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _text(_LEFT, 24, "per second", bold=True),
        _text(_LEFT + _HALF, 24, "CPU, ms each:", bold=True),
        _text(_LEFT + _HALF, 42, "application", fill=_APP),
        _text(_LEFT + _HALF + 80, 42, "PostgreSQL", fill=_POSTGRES),
    ]
    for number, figure in enumerate(figures):
        lines += _line(figure, _TOP + number * (_BAR + _GAP), rate_max, cpu_max)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _opening(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="12">'
    )


def _line(figure: Figure, y: int, rate_max: float, cpu_max: float) -> list[str]:
    baseline = y + _BAR - 5
    room = _HALF - 70
    rate = figure.rate / rate_max * room
    app, postgres = figure.app_ms / cpu_max * room, figure.postgres_ms / cpu_max * room
    right = _LEFT + _HALF
    return [
        _text(_LEFT - 10, baseline, figure.name, anchor="end"),
        _bar(_LEFT, y, rate, _OURS if figure.app_ms else _THEIRS),
        _text(_LEFT + rate + 5, baseline, f"{figure.rate:,.0f}"),
        _bar(right, y, app, _APP),
        _bar(right + app, y, postgres, _POSTGRES),
        _text(right + app + postgres + 5, baseline, f"{figure.total_ms:.2f}"),
    ]


def _bar(x: float, y: float, width: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{fill}"/>'


def _text(
    x: float, y: float, text: str, *, fill: str = "#1d2733", anchor: str = "start", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{fill}" text-anchor="{anchor}"{weight}>'
        f"{escape(text.replace('`', ''))}</text>"
    )
