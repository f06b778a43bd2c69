"""The drawing of a plot; the only module that imports matplotlib."""

from collections import Counter
from collections.abc import Sequence
from textwrap import fill
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

from pipeline.alerts import RAISED
from pipeline.errors import UsageError
from pipeline.plot import PRICE, Line, Picture, spans
from pipeline.units import SIZE

__all__ = ["Plot", "draw", "formats"]

WIDTH, PRICE_HEIGHT, PANEL_HEIGHT, DPI = 11.0, 3.8, 1.5, 110
TITLE_WIDTH = 130
INK, GRID, SHADE = "#37474f", "#e3e7ea", "#fff3d6"
COLOURS = ("#1e88e5", "#00897b", "#8e24aa", "#8d6e63", "#3949ab", "#7cb342")
SEVERITIES = {"info": "#0288d1", "warning": "#e07b00", "critical": "#c62828"}


class Plot(Figure):
    """A figure that a notebook shows by itself; it belongs to no window, and nobody has to close it."""

    def _repr_png_(self) -> bytes:
        from io import BytesIO

        file = BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


class Numbers(Formatter):
    """Numbers at an axis, all with as many decimals as the finest of them needs."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        """A number by itself."""
        return f"{value:,.10g}"

    def format_ticks(self, values: list[float]) -> list[str]:
        """All numbers at the axis."""
        near = 1e-3 * (float(np.ptp(values)) / len(values) or 1.0) if len(values) else 1.0
        decimals = next((places for places in range(12) if np.allclose(np.round(values, places), values, rtol=0, atol=near)), 12)
        return [f"{round(value, decimals) + 0.0:,.{decimals}f}" for value in values]


def formats() -> list[str]:
    """The formats in which a picture can be saved."""
    return sorted(Figure().canvas.get_supported_filetypes())


def draw(picture: Picture, tz: str = "UTC") -> Plot:
    """A figure: the price with what is like it and the alerts on top, a panel for each unit below, time in the zone `tz`."""
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"tz={tz!r} is no time zone; expected one such as 'UTC' or 'America/New_York'") from None
    heights = [PRICE_HEIGHT] + [PANEL_HEIGHT] * (len(picture.panels) - 1)
    figure = Plot(figsize=(WIDTH, sum(heights) + 0.6), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for ax, (unit, lines) in zip(axes, picture.panels.items(), strict=True):
        draw_panel(ax, unit, lines)
        shade(ax, picture)
    marks = draw_alerts(axes[0], picture)
    legend(axes[0], [*axes[0].get_lines(), *marks])
    for ax in axes[1:]:
        if [line.get_label() for line in ax.get_lines()] != [ax.get_ylabel()]:
            legend(ax, ax.get_lines())
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    axes[-1].set_xlabel(f"time ({tz})")
    figure.suptitle(title(picture), x=0.01, horizontalalignment="left", fontsize=11, color=INK, parse_math=False)
    return figure


def draw_panel(ax: Axes, unit: str, lines: list[Line]) -> None:
    """The lines of one unit; a value stands until the next."""
    for place, line in enumerate(lines):
        is_price, time = unit == PRICE and not place, line.time.view("M8[ns]")
        colour = INK if is_price else COLOURS[(place - (unit == PRICE)) % len(COLOURS)]
        ax.plot(
            time, line.value, drawstyle="steps-post", linewidth=0.8 if is_price else 1.3, color=colour,
            label=line.name, zorder=3 if is_price else 2,
        )  # fmt: skip
    if unit == SIZE:
        ax.fill_between(lines[0].time.view("M8[ns]"), lines[0].value, step="post", color=COLOURS[0], alpha=0.15, linewidth=0)
    ax.set_ylabel(unit.replace(" (", "\n("), fontsize=9, color=INK, parse_math=False)
    ax.yaxis.set_major_formatter(Numbers())
    ax.grid(color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=8, colors=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.01)


def shade(ax: Axes, picture: Picture) -> None:
    """A background where an alert is on."""
    active = np.array(spans(picture.alerts), np.int64).reshape(-1, 2)
    if len(active):
        days = date2num(active.view("M8[ns]"))  # type: ignore[no-untyped-call]
        ax.broken_barh(
            list(zip(days[:, 0], days[:, 1] - days[:, 0], strict=True)), (0, 1), transform=ax.get_xaxis_transform(), facecolors=SHADE,
            zorder=0,
        )  # fmt: skip


def draw_alerts(ax: Axes, picture: Picture) -> list[Artist]:
    """A triangle an alert, at the price of its time: full where raised, hollow where cleared, in the colour of its severity."""
    handles: list[Artist] = []
    for event, severity in dict.fromkeys((alert.event, alert.severity) for alert in picture.alerts):
        mine = np.array([(alert.event, alert.severity) == (event, severity) for alert in picture.alerts])
        times = np.array([alert.time for alert in picture.alerts], "M8[ns]")[mine]
        colour, raised = SEVERITIES.get(severity, INK), event == RAISED
        marks = ax.scatter(
            times, picture.prices[mine], s=64, marker="^" if raised else "v", zorder=5, linewidths=1.1,
            facecolors=colour if raised else "white", edgecolors="white" if raised else colour,
        )  # fmt: skip
        marks.set_label(f"{event}, {severity} ({len(times):,})")
        handles.append(marks)
    return handles


def legend(ax: Axes, handles: Sequence[Artist]) -> None:
    """Names of lines and marks, above the panel where no line runs, and never read as formulas."""
    made = ax.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2,
        fontsize=8,
        frameon=False,
        ncols=min(len(handles), 5),
    )
    for text in made.get_texts():
        text.set_parse_math(False)


def title(picture: Picture) -> str:
    """The symbol, how often each strategy spoke, and what is not shown."""
    counts = Counter((alert.strategy, alert.event) for alert in picture.alerts)
    said = {name: " and ".join(f"{count:,} {event}" for (who, event), count in counts.items() if who == name) for name, _ in counts}
    parts = [f"{name}: {events}" for name, events in said.items()] or ["no alerts"]
    if picture.unknown:
        parts.append(f"not known yet: {', '.join(picture.unknown)}")
    if picture.report.incomplete is not None or picture.report.interrupted:
        parts.append("INCOMPLETE")
    return f"{picture.symbol}\n{fill('; '.join(parts), TITLE_WIDTH)}"
