"""`rxtape sinks`: how far the sinks of a journal are, and what waits for them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.cli.group import Group
from pipeline.cli.options import setting_options, settle
from pipeline.cli.tidy import tidy
from pipeline.errors import UnknownName, UsageError
from pipeline.guarded import OF_USERS

__all__ = ["sinks"]

JOURNAL = click.option(
    "--journal", "folder", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="The journal that they follow."
)


@click.group(cls=Group, short_help="See how far the sinks of a journal are; deliver what waits.")
def sinks() -> None:
    """The sinks of a run with a journal follow it from cursors of their own, so that none is lost and none twice.

    \b
    rxtape sinks status --journal tape.journal
    """


@sinks.command(short_help="How far each is, what waits, what it refused.")
@JOURNAL
@click.option("--json", is_flag=True, help="One JSON object a line.")
def status(folder: Path, json: bool) -> None:
    """Tell each sink's place in the log, how many alerts wait, how many it has got and refused, and what it last raised.

    \b
    rxtape sinks status --journal tape.journal
    rxtape sinks status --journal tape.journal --json
    """
    for row in rows_of(folder):
        click.echo(msgspec.json.encode(row).decode() if json else tidy(words_of(row)))


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """What there is to say of each sink; a run may write meanwhile."""
    from pipeline.journal.cursors import Cursors
    from pipeline.journal.dead import DeadLetters
    from pipeline.journal.inventory import frames_of, inventory
    from pipeline.journal.payloads import alerts_of

    found, cursors = inventory(folder), Cursors(folder)
    known = cursors.all()
    waiting = dict.fromkeys((each.sink for each in known), 0)
    first = min((each.frame for each in known), default=found.log.end + 1)
    for frame in frames_of(found, first) if first <= found.log.end else ():
        if frame.content.name == "ALERTS":
            count = len(alerts_of(frame))
            for each in known:
                waiting[each.sink] += count - (each.index if frame.seq == each.frame else 0) if frame.seq >= each.frame else 0
    for each in known:
        letters = list(DeadLetters(cursors.folder, cursors.path_of(each.sink).stem, cursors.files))
        yield {
            "sink": each.sink, "status": each.status, "next_frame": each.frame, "waiting": waiting[each.sink], "delivered": each.delivered,
            "dead_letters": len(letters), "error": each.error,
        }  # fmt: skip


def words_of(row: dict[str, Any]) -> str:
    dead = f", {row['dead_letters']:,} refused" if row["dead_letters"] else ""
    wrong = f"; {row['error']}" if row["error"] else ""
    counts = f"{row['delivered']:,} delivered, {row['waiting']:,} waiting{dead}"
    return f"{row['sink']}  {row['status']}, {counts}, frame {row['next_frame']:,} is next{wrong}"


@sinks.command(short_help="Deliver what waits and what was refused.")
@setting_options("journal.folder", "output.sinks")
@click.pass_context
def retry(ctx: click.Context, /, **options: Any) -> None:
    """Deliver to a sink what waits for it in the journal, and first, once more, what it has refused; no run may be under way.

    Journal and sinks are written as they were for the run, or taken from its configuration file. Exit code 1 where something still waits or
    is refused.

    \b
    rxtape sinks retry --journal tape.journal -o jsonl:alerts.jsonl
    rxtape sinks retry --config rxtape.toml
    """
    from pipeline.config import concealed
    from pipeline.journal import Journal
    from pipeline.journal.cursors import Cursors
    from pipeline.journal.inventory import inventory
    from pipeline.journal.outbox import Outbox
    from pipeline.plugins import open_sink, sink_label

    config = settle(options)
    config.checked()
    folder, urls = Path(config.values["journal.folder"].value or ""), config.values["output.sinks"].value
    if config.values["journal.folder"].value is None or not urls:
        raise UsageError("name the journal and a sink of it: --journal tape.journal -o jsonl:alerts.jsonl, or --config rxtape.toml")
    inventory(folder)  # nothing is made where there is no journal, and no file of a sink that it does not know
    names, known = {concealed(sink_label(url), secrets=config.secrets): url for url in urls}, {each.sink for each in Cursors(folder).all()}
    for name in names.keys() - known:
        raise UnknownName("sink of this journal", name, known)
    with Journal.open(folder, acknowledged=Cursors(folder).seen()) as journal, ExitStack() as undo:
        found = {}
        for name, url in names.items():
            found[name] = open_sink(url)
            undo.callback(found[name].close)
        undo.pop_all()
        refused = {name: again(folder, name, sink) for name, sink in found.items()}
        outbox = Outbox(journal, found, lambda name, error: click.echo(tidy(f"{name}: {error}"), err=True))
        missed = outbox.close()
        owed = {name: follower.owed for name, follower in outbox.followers.items()}
    for name, (taken, left) in refused.items():
        once_more = f", {taken:,} of {taken + left:,} that it had refused" if taken + left else ""
        click.echo(tidy(f"{name}  {outbox.followers[name].taken:,} alerts were taken{once_more}; {owed[name]:,} wait"))
    ctx.exit(1 if missed or any(left for _, left in refused.values()) else 0)


def again(folder: Path, name: str, sink: Any) -> tuple[int, int]:
    """Offer a sink what it has refused, a letter gone as soon as it is taken; how many it took, and did not."""
    from pipeline.journal.cursors import Cursors
    from pipeline.journal.dead import DeadLetters

    cursors = Cursors(folder)
    letters = DeadLetters(cursors.folder, cursors.path_of(name).stem, cursors.files)
    waiting, left, taken = list(letters), list[Any](), 0
    if hasattr(sink, "resume"):  # a file refuses nothing, and goes on by its length
        return 0, len(waiting)
    while waiting:
        letter = waiting.pop(0)
        try:
            sink.write([letter.alert])
            sink.flush()
            taken += 1
        except OF_USERS as error:
            left.append(letters.again(letter, error))
        letters.replace([*left, *waiting])
    if taken and (known := cursors.of(name)) is not None:
        cursors.save(msgspec.structs.replace(known, delivered=known.delivered + taken, dead=max(known.dead - taken, 0)))
    return taken, len(left)


@sinks.command(short_help="Drop a sink that will not come back.")
@JOURNAL
@click.argument("sink")
def forget(folder: Path, sink: str) -> None:
    """Forget how far SINK is, by its name in `status`: it holds up no retention any more, and would begin anew; no run may be under way.

    \b
    rxtape sinks forget jsonl:alerts.jsonl --journal tape.journal
    """
    from pipeline.journal.cursors import Cursors
    from pipeline.journal.inventory import inventory
    from pipeline.journal.opening import locked

    inventory(folder)
    cursors = Cursors(folder)
    with closing(locked(cursors.files, folder)):  # a run would write its cursor anew
        known = {cursor.sink for cursor in cursors.all()}
        if sink not in known:
            raise UnknownName("sink of this journal", sink, known)
        cursors.forget(sink)
    click.echo(tidy(f"{sink} is forgotten; its dead letters, if there are any, stay in {cursors.folder}"))
