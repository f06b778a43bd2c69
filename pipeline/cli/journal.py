"""`rxtape journal`: look at a journal, check it, cut it, take out what it holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.alerts import format_time
from pipeline.cli.completion import complete_sink, complete_strategy
from pipeline.cli.group import Group
from pipeline.cli.options import CHOSEN
from pipeline.cli.tidy import tidy
from pipeline.errors import JournalDamaged, SinkError, UsageError

__all__ = ["journal"]

FOLDER = click.Path(path_type=Path)


@click.group(cls=Group, short_help="Look at journals, check them, cut them, take out what they hold.")
def journal() -> None:
    """A journal is a folder that a run has written: rows, alerts and configurations in order, and snapshots.

    \b
    rxtape journal ls tape.journal
    rxtape journal verify tape.journal
    """


@journal.command(short_help="The segments and snapshots.")
@click.argument("folder", type=FOLDER)
@click.option("--json", is_flag=True, help="The same as one JSON object.")
def ls(folder: Path, json: bool) -> None:
    """List the segments and snapshots of the journal in FOLDER, by a look at their ends; it may be written to meanwhile.

    \b
    rxtape journal ls tape.journal
    rxtape journal ls tape.journal --json
    """
    from pipeline.journal.inventory import inventory

    found = inventory(folder)
    if json:
        click.echo(msgspec.json.encode(as_object(found)).decode())
        return
    for line in (f"journal {found.identity}, head {found.head or 'none'}", *segments(found), *snapshots(found), *oddities(found)):
        click.echo(tidy(line))


def as_object(found: Any) -> dict[str, Any]:
    """What `ls` tells, for programs."""
    parts = [
        {"file": segment.path.name, "first": segment.head.first, "last": segment.last, "bytes": segment.size}
        for segment in found.log.segments
    ]
    kept = [{"file": name, "frame": each.seq, "next_row": each.next_row} for name, each in found.snapshots.items() if name not in found.bad]
    marked = None if found.mark is None else found.mark.seq
    odd = {"torn": str(found.log.torn) if found.log.torn else None, "bad_snapshots": found.bad}
    return {"journal": found.identity, "head": found.head, "acknowledged": marked, "segments": parts, "snapshots": kept, **odd}


def segments(found: Any) -> Iterator[str]:
    from pipeline.journal.inventory import beginning

    for segment in found.log.segments:
        rows = beginning(segment)
        begin = f", from row {rows.first:,}, {format_time(rows.since)}" if rows is not None else ""
        frames = f"frames {segment.head.first:,} to {segment.last:,}" if segment.last >= segment.head.first else "no frames yet"
        yield f"{segment.path.name}  {frames}, {segment.size:,} bytes{begin}"


def snapshots(found: Any) -> Iterator[str]:
    for name, kept in found.snapshots.items():
        if name not in found.bad:
            yield f"{name}  after frame {kept.seq:,}, row {kept.next_row:,} comes next"


def oddities(found: Any) -> Iterator[str]:
    """What is not as it should be, and is no damage of the log."""
    for name, reason in found.bad.items():
        yield f"{name}  is passed over: {reason}"
    if found.log.torn is not None:
        yield f"{found.log.torn} when a run goes on with it (or it is being written)"
    if found.mark is None:
        yield "no file ACKNOWLEDGED: whether the log ends where it should cannot be told"


@journal.command(name="verify", short_help="Check every byte.")
@click.argument("folder", type=FOLDER)
@click.option("--head", default="", metavar="SEQ:DIGEST", help="A head that was noted before: the log must still be that one.")
@click.pass_context
def verify_(ctx: click.Context, folder: Path, head: str) -> None:
    """Check every frame of the journal in FOLDER against its digest and the chain, read what it holds, and tell its head.

    Exit code 3 where anything is damaged. The head, noted elsewhere, proves later that nothing up to there was changed.

    \b
    rxtape journal verify tape.journal
    """
    from pipeline.journal.inventory import verify

    found = verify(folder, head)
    counts = ", ".join(f"{count:,} {what}" for what, count in found.counts.items()) or "nothing"
    click.echo(
        tidy(f"good: {counts} in {len(found.log.segments):,} segments, {len(found.snapshots.keys() - found.bad.keys()):,} snapshots")
    )
    click.echo(f"head {found.head or 'none'}")
    for line in oddities(found):
        click.echo(tidy(line))
    ctx.exit(JournalDamaged.exit_code if found.bad else 0)


@journal.command(name="repair", short_help="Cut what follows a frame.")
@click.argument("folder", type=FOLDER)
@click.option("--to", type=click.IntRange(min=0), required=True, metavar="SEQ", help="The last frame to keep.")
def repair_(folder: Path, to: int) -> None:
    """Give up what follows a frame of the journal in FOLDER; what is cut is kept beside it, in files that end in .cut.

    \b
    rxtape journal repair tape.journal --to 3
    """
    from pipeline.journal.repair import repair

    aside = repair(folder, to)
    click.echo(tidy(f"the log of {folder} ends with frame {to:,}"))
    for path in aside:
        click.echo(tidy(f"set aside: {path}"))


@journal.command(short_help="What it comes to: alerts by hour, what came of them, or a projection of your own.")
@click.argument("which")
@click.option("--journal", "folder", type=FOLDER, required=True, metavar="FOLDER", help="The journal.")
@click.option("--set", "settings", multiple=True, metavar="PARAM=VALUE", help="A parameter of the projection.")
@click.option("--rebuild", is_flag=True, help="Read the whole log, whatever is kept.")
@click.option("--keep", is_flag=True, help="Keep its state beside the log, so that the next time reads only what is new.")
@click.option("--json", is_flag=True, help="One JSON object a row.")
def project(which: str, folder: Path, settings: tuple[str, ...], rebuild: bool, keep: bool, json: bool) -> None:
    """Read a journal into WHICH projection: `alerts` (by strategy, symbol and hour), `outcomes` (what the price did afterwards), or your
    own, file.py:Class or module:Class.

    \b
    rxtape journal project alerts --journal tape.journal
    rxtape journal project outcomes --set follow=0.01 --set within=5m --journal tape.journal
    """
    from pipeline.cli.projecting import projected, table

    rows = projected(which, folder, settings, rebuild, keep)
    for line in (msgspec.json.encode(row).decode() for row in rows) if json else map(tidy, table(rows) if rows else ()):
        click.echo(line)


@journal.command(name="replay", short_help="Judge its rows again.")
@click.argument("folder", type=FOLDER)
@click.option("--strategy", "-s", "strategies", multiple=True, metavar="NAME", help=CHOSEN, shell_complete=complete_strategy)
@click.option("--set", "settings", multiple=True, metavar="[NAME.]PARAM=VALUE", help="A parameter of such a strategy.")
@click.option("--output", "-o", "outputs", multiple=True, metavar="URL", help="Where the alerts go.", shell_complete=complete_sink)
@click.option("--json", is_flag=True, help="Alerts as JSON lines on standard output, the summary as JSON on standard error.")
@click.pass_context
def replay_(
    ctx: click.Context, folder: Path, strategies: tuple[str, ...], settings: tuple[str, ...], outputs: tuple[str, ...], json: bool
) -> None:
    """Replay the rows of the journal in FOLDER, to which nothing is added, through the strategies that it was last judged by, or others.

    `rxtape whatif` compares what they tell with the alerts that were recorded.

    \b
    rxtape journal replay tape.journal
    rxtape journal replay tape.journal --strategy volume_spike --set move=0.003 -o jsonl:again.jsonl
    """
    from pipeline.cli.journal_replay import replayed

    ctx.exit(replayed(folder, strategies, settings, outputs, json))


@journal.command(short_help="Take out the tape and the alerts.")
@click.argument("folder", type=FOLDER)
@click.option("--output", "-o", type=FOLDER, required=True, metavar="FOLDER", help="Where they go; a folder that holds a tape is refused.")
def export(folder: Path, output: Path) -> None:
    """Write the rows of the journal in FOLDER as a tape that `rxtape replay` reads, and its alerts as alerts.jsonl.

    \b
    rxtape journal export tape.journal -o exported
    """
    from pipeline.journal.inventory import inventory

    if output.resolve() == folder.resolve():
        raise UsageError(f"{output} is the journal itself; name another folder")
    rows, alerts = exported(inventory(folder), output)
    click.echo(tidy(f"{rows:,} rows and {alerts:,} alerts are in {output}"))


def exported(found: Any, output: Path) -> tuple[int, int]:
    """Rows and alerts written; the tape is one file a stretch of rows with the same columns."""
    from pipeline.journal.frames import Content
    from pipeline.journal.inventory import frames_of
    from pipeline.journal.payloads import alerts_of, ticks_of
    from pipeline.sinks.jsonl import JsonlSink
    from pipeline.symbols import SymbolTable
    from pipeline.tape_files import TapeWriter

    symbols, rows, written = SymbolTable(), 0, 0
    writer, sink = TapeWriter(output), JsonlSink(output / "alerts.jsonl")
    try:
        for frame in frames_of(found):
            if frame.content is Content.TICKS:
                ticks = ticks_of(frame, symbols)
                writer.write(ticks)
                rows += len(ticks)
            elif frame.content is Content.ALERTS:
                alerts = alerts_of(frame)
                sink.write(alerts)
                written += len(alerts)
        writer.close()
        sink.flush()
    except OSError as error:
        raise SinkError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        sink.close()
    return rows, written
