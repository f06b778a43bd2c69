"""`rxtape run`: what a configuration file says, as a service does."""

from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import setting_options, settle
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.report import Report

__all__ = ["run"]


@click.command(short_help="Run what a configuration file says, as a service does.")
@setting_options()
@click.option("--json", is_flag=True, help="The summary as JSON, the last line of standard error.")
@click.pass_context
def run(ctx: click.Context, /, json: bool, **options: Any) -> None:
    """Run the feed, the strategies, the sinks and the journal of a file: venues live, or files of recorded ticks.

    \b
    rxtape run --config rxtape.toml

    SIGTERM or Ctrl-C ends it well: what has come is judged, delivered and written down, a snapshot is taken, and the exit
    code is 0; started again it goes on there. What a file may say: rxtape config show --help.
    """
    from pipeline.cli.job import job_of
    from pipeline.cli.replaying import run_on_screen
    from pipeline.cli.screen import Screen
    from pipeline.cli.watching import run_live

    if options["config"] is None:
        raise UsageError("no configuration named; write rxtape run --config rxtape.toml")
    config = settle(options)
    live, recorded = config.values["live.sources"].value, config.values["feed.files"].value
    if bool(live) == bool(recorded):
        config.checked()  # a slip in a name may be why
        found = "both [live] sources and [feed] files" if live else "neither [live] sources nor [feed] files"
        raise UsageError(f"{found} are given; name the one that the run shall listen to")
    report = run_live(config, json=json) if live else run_on_screen(job_of(config, (), (), outputs(json)), Screen(json))
    ctx.exit(exit_code(report))


def outputs(json: bool) -> tuple[str]:
    return ("jsonl:-" if json else "console:",)


def exit_code(report: "Report") -> int:
    """0 for a run that was asked to end and has ended well; what was not delivered is no good end."""
    if report.stopped_by in (SIGTERM, SIGINT):
        return 3 if report.incomplete else 1 if report.quarantined or report.undelivered else 0
    return report.exit_code
