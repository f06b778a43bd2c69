"""rxtape: reactive market-data analytics. The names a strategy needs; operators are in `pipeline.operators`."""

TYPE_CHECKING = False  # not of typing, the import of which takes 20 ms in which Ctrl-C would be loud

if TYPE_CHECKING:
    from pipeline.alerts import Alert, Alerts
    from pipeline.combine import combine_latest
    from pipeline.flow import Signal, Tape, where
    from pipeline.frames import frame
    from pipeline.live import Live
    from pipeline.rules import alert_when
    from pipeline.runner import run
    from pipeline.strategy import Strategy
    from pipeline.ticks import Kind, Tick, Ticks

__all__ = [
    "Alert",
    "Alerts",
    "Kind",
    "Live",
    "Signal",
    "Strategy",
    "Tape",
    "Tick",
    "Ticks",
    "alert_when",
    "combine_latest",
    "frame",
    "run",
    "where",
]

WHERE = {
    "Live": "live",
    "Alert": "alerts", "Alerts": "alerts", "combine_latest": "combine", "Signal": "flow", "Tape": "flow", "where": "flow",
    "frame": "frames", "alert_when": "rules", "run": "runner", "Strategy": "strategy", "Kind": "ticks", "Tick": "ticks", "Ticks": "ticks",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Import on first use: the command line's `--help` needs none of it."""
    if name not in WHERE:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"pipeline.{WHERE[name]}"), name)
