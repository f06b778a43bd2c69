"""Venues watched live, told on the screen."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from pipeline.cli.job import journaling_of, place_of, refuse_outputs, strategies_of
from pipeline.cli.live_screen import showing
from pipeline.cli.screen import Screen
from pipeline.config import Config, Problems
from pipeline.errors import RxtapeError, UsageError
from pipeline.interruption import on_first_signal
from pipeline.live import Live
from pipeline.plugins import load
from pipeline.report import Report
from pipeline.settings import BY_KEY

__all__ = ["go_live", "live_feed", "live_to_the_end", "run_live"]

OF_RUN = ("record", "quarantine")


def run_live(config: Config, strategies: Sequence[str] = (), settings: Sequence[str] = (), json: bool = False) -> Report:
    """Watch until a signal, and tell the user about it."""
    problems = Problems()
    with problems.noted():
        config.checked()
    feed = None
    with problems.noted(place_of(config.values["live.sources"])):
        feed = live_feed(config, "live binance:BTCUSDT,ETHUSDT --strategy volume_breakout")
    found = strategies_of(config, strategies, settings, feed, problems)
    with problems.noted(place_of(config.values["output.plot"])):
        if config.values["output.plot"].value is not None:
            raise UsageError("a live run draws no picture; write --record FOLDER, then rxtape replay FOLDER --plot FILE")
    outputs = config.values["output.sinks"].value or ("jsonl:-" if json else "console:",)
    refuse_outputs(outputs, config.values, problems)
    problems.told()
    screen = Screen(json)
    told = {name: config.values[f"live.{name}"].value for name in OF_RUN}
    run = Live(feed, *found, sinks=outputs, journal=journaling_of(config), on_fault=screen.say, on_hang=screen.say, **told)
    plain = any(url != "console:" and url.endswith(":-") for url in outputs)
    return live_to_the_end(run, go_live(run, screen, plain), screen, told["quarantine"])


def live_to_the_end(run: Live, going: Coroutine[Any, Any, Report], screen: Screen, quarantine: str | None) -> Report:
    """Run, and tell how it was; also where it ends with an error after it has heard something."""
    run.run.on_oddity = screen.say
    try:
        report = asyncio.run(going)
    except RxtapeError:
        if run.report.ticks:
            screen.summarize(run.report, quarantine)
        raise
    screen.summarize(report, quarantine)
    return report


def live_feed(config: Config, example: str, **more: Any) -> Any:
    """The feed of the sources that are named; `example` is what to write where none is."""
    values = config.values
    sources = values["live.sources"]
    if not sources.value:
        raise UsageError(f"no venue named; write rxtape {example}")
    changed = {key: value.value for key, value in values.items() if value.value != BY_KEY[key].default}
    given = {BY_KEY[key].name: value for key, value in changed.items() if key.startswith("live.")}
    for name in (*OF_RUN, "sources"):
        given.pop(name, None)
    secrets = tuple(config.secrets.values())
    return load("feed", "live")(sources.value, venues=config.venues, secrets=secrets, **given, **more)


async def go_live(
    live: Live, screen: Screen, plain: bool, seconds: float | None = None, end: Coroutine[Any, Any, None] | None = None
) -> Report:
    """Run until a signal, the end of the feed, that of `end`, or for some seconds; a second signal does not wait."""
    stop = asyncio.Event()
    with on_first_signal(lambda number: stop.set()), showing(live, screen, plain):
        try:
            await live.start()
        except BaseException:
            if end is not None:
                end.close()
            raise
        waiting = [asyncio.create_task(each) for each in (stop.wait(), live.wait(), end) if each is not None]
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        report = await live.stop()
        for each in done:
            each.result()
        return report
