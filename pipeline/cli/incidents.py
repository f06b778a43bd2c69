"""`rxtape incidents`: what became of alerts, and what people do about them."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline.alerts import format_time
from pipeline.cli.group import Group
from pipeline.cli.tidy import tidy
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.incidents import Incident, Incidents

__all__ = ["incidents"]

WHERE = click.option(
    "--incidents", "file", type=click.Path(path_type=Path), default=Path("incidents.db"), show_default=True, metavar="FILE",
    help="The file of incidents, as in -o incidents:FILE.",
)  # fmt: skip
JSON = click.option("--json", is_flag=True, help="One JSON object a line.")


def user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return "somebody"


def named(ctx: click.Context, option: click.Parameter, by: str) -> str:
    if not by.strip():
        raise UsageError("--by is an empty text; name who does it")
    return by


WHO = click.option("--by", default=user, callback=named, metavar="NAME", help="Who does it; your user name unless it is given.")
NOTE = click.option("--note", default="", metavar="TEXT", help="What to remember of it.")
ID = click.argument("name", metavar="ID")


@click.group(cls=Group, short_help="List incidents; acknowledge, snooze, resolve one.")
def incidents() -> None:
    """Incidents are what becomes of alerts: the pipeline raises and clears them, people do the rest.

    An ID may be cut short, as long as it is the beginning of one only.

    \b
    rxtape replay ticks.csv -s volume_breakout -o incidents:incidents.db
    rxtape incidents list
    rxtape incidents ack aa52 --note "looking"
    """


@incidents.command(name="list", short_help="Those that nobody has resolved.")
@WHERE
@click.option("--all", "everything", is_flag=True, help="Those that are resolved, too.")
@JSON
def list_(file: Path, everything: bool, json: bool) -> None:
    """List incidents, a line each, in the order in which they were raised.

    \b
    rxtape incidents list --incidents incidents.db
    rxtape incidents list --all --json
    """
    with opened(file) as register:
        for incident in register.current(resolved=everything):
            tell(incident, json, register.clock())


@incidents.command(short_help="How many each strategy has, and how soon they were answered.")
@WHERE
@JSON
def summary(file: Path, json: bool) -> None:
    """Count incidents by strategy, with the median time from the alert to its acknowledgement, and to its end.

    \b
    rxtape incidents summary --incidents incidents.db
    """
    from pipeline.cli.projecting import table
    from pipeline.incidents.answered import answered

    with opened(file) as register:
        rows = [asdict(each) for each in answered(register.current(resolved=True))]
    for line in (msgspec.json.encode(row).decode() for row in rows) if json else map(tidy, table(rows) if rows else ()):
        click.echo(line)


@incidents.command(short_help="One, with all that happened to it.")
@ID
@WHERE
@JSON
def show(name: str, file: Path, json: bool) -> None:
    """Show the incident ID and its history, every event of it checked.

    \b
    rxtape incidents show aa52
    """
    with opened(file) as register:
        owner = register.find(name)
        events, incident = register.history(owner), register.seen(register.load(owner))
        if json:
            click.echo(msgspec.json.encode(as_object(incident) | {"events": [facts(event) for event in events]}).decode())
            return
        tell(incident, False, register.clock())
        for event in events:
            told = ", ".join(
                f"{name} {when(name, value)}" for name, value in facts(event).items() if name not in ("event", "time") and value
            )
            click.echo(tidy(f"  {format_time(event.time)}  {type(event).__name__.lower()}  {told}"))


@incidents.command(short_help="Say that you take care of it.")
@ID
@WHERE
@WHO
@NOTE
@JSON
def ack(name: str, file: Path, by: str, note: str, json: bool) -> None:
    """Acknowledge the incident ID: somebody takes care of it. A second time is refused, and so is a resolved one.

    \b
    rxtape incidents ack aa52 --note "looking"
    """
    act(name, file, json, "acknowledge", by=by, note=note)


@incidents.command(short_help="Let nobody hear of it for a while.")
@ID
@click.option("--for", "length", default="1h", show_default=True, metavar="LENGTH", help='How long, from now on: "30m", "1d".')
@WHERE
@WHO
@JSON
def snooze(name: str, length: str, file: Path, by: str, json: bool) -> None:
    """Let nobody hear of the incident ID for a while; what happens to it is recorded all the same.

    \b
    rxtape incidents snooze aa52 --for 2h
    """
    from pipeline.durations import nanoseconds

    width = nanoseconds(length)
    with opened(file) as register:
        now = register.clock()
        tell(register.seen(register.act(name, of("snooze"), by=by, until=now + width)), json, now)


@incidents.command(short_help="Say that somebody else is needed.")
@ID
@WHERE
@WHO
@NOTE
@JSON
def escalate(name: str, file: Path, by: str, note: str, json: bool) -> None:
    """Escalate the incident ID: one level up, open again, and no longer snoozed.

    \b
    rxtape incidents escalate aa52 --note "needs the desk"
    """
    act(name, file, json, "escalate", by=by, note=note)


@incidents.command(short_help="Say that the matter is done.")
@ID
@WHERE
@WHO
@NOTE
@JSON
def resolve(name: str, file: Path, by: str, note: str, json: bool) -> None:
    """Resolve the incident ID; an alert that is raised after that makes a new one.

    \b
    rxtape incidents resolve aa52 --note "a fat finger"
    """
    act(name, file, json, "resolve", by=by, note=note)


@incidents.command(short_help="Say that it was not.")
@ID
@WHERE
@WHO
@NOTE
@JSON
def reopen(name: str, file: Path, by: str, note: str, json: bool) -> None:
    """Reopen the incident ID, which was resolved; refused where the same rule and symbol have a newer one.

    \b
    rxtape incidents reopen 3ca3
    """
    act(name, file, json, "reopen", by=by, note=note)


@incidents.command(short_help="Check every history; make the lists anew.")
@WHERE
def check(file: Path) -> None:
    """Read all that was recorded, check that it is what was written, and make what `list` and `summary` show anew from it.

    \b
    rxtape incidents check --incidents incidents.db
    """
    with opened(file) as register:
        register.rebuild()
        found = len(register.current(resolved=True))
    click.echo(tidy(f"{file}  {found:,} incidents, all as they were written"))


def opened(file: Path) -> "Incidents":
    from pipeline.incidents import Incidents

    return Incidents(file, create=False)


def of(act: str) -> Callable[..., None]:
    from pipeline.incidents import Incident

    found: Callable[..., None] = getattr(Incident, act)
    return found


def act(name: str, file: Path, json: bool, what: str, **how: Any) -> None:
    with opened(file) as register:
        tell(register.seen(register.act(name, of(what), **how)), json, register.clock())


def as_object(incident: "Incident") -> dict[str, Any]:
    from pipeline.incidents.register import told

    return told(incident)


def facts(event: Any) -> dict[str, Any]:
    """What an event says, without what keeps the history together."""
    apart = ("originator_id", "originator_version", "originator_topic", "timestamp", "chain", "time")
    return {"event": type(event).__name__.lower(), "time": event.time} | {
        key: value for key, value in vars(event).items() if key not in apart
    }


def when(name: str, value: Any) -> Any:
    return format_time(value) if name == "until" else value


def tell(incident: "Incident", json: bool, now: int) -> None:
    if json:
        click.echo(msgspec.json.encode(as_object(incident)).decode())
        return
    times = f" x{incident.count:,}" if incident.count > 1 else ""
    heard = "" if incident.state == "acknowledged" else ", acknowledged"
    by = f"{heard} by {incident.acknowledged_by}" if incident.acknowledged_by else ""
    level = f", level {incident.level}" if incident.level else ""
    quiet = f", snoozed until {format_time(incident.snoozed_until)}" if incident.is_quiet(now) and not incident.is_over else ""
    what = f"{incident.strategy} {incident.rule} {incident.symbol}{times}"
    click.echo(tidy(f"{incident.name}  {incident.state}{by}{level}{quiet}  {format_time(incident.raised_at)}  {what}  {incident.message}"))
