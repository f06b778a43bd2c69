"""What shipped strategies say on a few rows, shortly."""

from pipeline.alerts import Alert
from pipeline.checks import MIDNIGHT, alerts_of
from pipeline.strategy import Strategy

ALWAYS = {"hours": "00:00-24:00", "tz": "UTC", "days": "Mon-Sun"}
DAY = 86_400


def said(strategy: Strategy, **rows) -> list[tuple[float, str, str]]:
    """Second, symbol and event (with the rule, where it has a name) of each alert."""
    return heard(alerts_of(strategy.alerts, **rows))


def heard(alerts: list[Alert]) -> list[tuple[float, str, str]]:
    return [((a.time - MIDNIGHT) / 1e9, a.symbol, a.event if a.rule == "rule" else f"{a.rule} {a.event}") for a in alerts]
