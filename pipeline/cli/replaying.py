"""Recorded ticks through strategies, told on the screen."""

from pathlib import Path

from pipeline.cli.aside import holds_rows, quarantine_file
from pipeline.cli.job import Job
from pipeline.cli.screen import Screen
from pipeline.errors import UnknownName, UsageError
from pipeline.interruption import NOBODY_LISTENS
from pipeline.kernels import COMPILED, cache_folder
from pipeline.plot import save_plot
from pipeline.report import Report
from pipeline.runner import Run

__all__ = ["run_on_screen"]


def run_on_screen(job: Job, screen: Screen) -> Report:
    """Run, tell the user about it, and draw it if that is asked for."""
    with quarantine_file(job.options, job.feed) as aside:
        replaced = aside is not None and holds_rows(aside)
        told = {**job.options, "quarantine": aside}
        run = Run(job.feed, *job.strategies, keep_alerts=False, on_fault=screen.say, on_hang=screen.say, **told)
        run.picture, run.on_oddity = job.plot, screen.say
        if not any(Path(cache_folder()).rglob("*.nbi")):
            screen.say("compiling kernels, once; this takes some seconds")
        with screen.progress(run, job.outputs):
            report = run.go(job.outputs)
    if replaced and (report.set_aside or report.exit_code in (0, 1)):
        screen.say(f"the rows that {aside} held of an earlier run are replaced")
    if (seconds := sum(COMPILED.values())) > 1:
        screen.say(f"compiling kernels took {seconds:.1f} s of the time; the next run has them")
    if report.stopped_by != NOBODY_LISTENS:
        screen.summarize(report, aside)
    if job.plot is not None and report.ticks and not report.interrupted:
        draw(job, run, report, screen)
    return report


def draw(job: Job, run: Run, report: Report, screen: Screen) -> None:
    """Draw a run; what stands in the way is told, and is the exit code of a run that went well otherwise."""
    assert job.plot is not None
    try:
        if job.plot_symbol is not None and job.plot_symbol not in run.graph.symbols:
            raise UnknownName("symbol of the tape", job.plot_symbol, run.graph.symbols)
        save_plot(report, job.plot, job.plot_symbol)
    except UsageError as error:
        if report.exit_code == 0:
            raise
        screen.say(error)
    else:
        screen.say(f"the picture is in {job.plot}")
