"""`rxtape doctor`: what is installed, and what stands in its way."""

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

import click

from pipeline.cli.tidy import tidy
from pipeline.plugins import KINDS, plugins

__all__ = ["doctor"]

HOME = Path(__file__).parents[2]
PACKAGES = ("pipeline", "feeds", "strategies")
Fact = tuple[str, str, bool]


@click.command(short_help="Look at the installation: versions, compiled kernels, plug-ins, name clashes.")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look at the installation; exit code 1 if something stands in the way.

    A plug-in that cannot be loaded is a warning, and so is a local folder that would hide rxtape's own.

    \b
    rxtape doctor
    """
    well = True
    for name, value, good in (*environment(), *kernels(), *places()):
        click.echo(f"{'ok  ' if good else 'BAD '} {tidy(name):<22} {tidy(value)}")
        well &= good
    for name, value, good in (*clashes(), *offered()):
        click.echo(f"{'ok  ' if good else 'WARN'} {tidy(name):<22} {tidy(value)}")
    ctx.exit(0 if well else 1)


def environment() -> Iterator[Fact]:
    yield "rxtape", version("rxtape"), True
    yield "python", f"{platform.python_version()} ({sys.executable})", sys.version_info >= (3, 11)
    yield "platform", f"{platform.platform()}, {os.cpu_count()} cores", True
    for requirement in requires("rxtape") or ():
        if ";" not in requirement:
            name = re.split(r"[<>=!~;\s]", requirement)[0]
            try:
                yield name, version(name), True
            except PackageNotFoundError:
                yield name, f"missing; pip install {requirement!r}", False


def kernels() -> Iterator[Fact]:
    from pipeline.kernels import cache_folder

    folder = Path(cache_folder())
    yield "kernel cache", str(folder), True
    yield "compiled kernels", f"{sum(1 for _ in folder.rglob('*.nbi'))} (the others compile at their first use)", True
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())  # another version's run may have removed it
    writable = os.access(there, os.W_OK)
    yield "cache is writable", "yes" if writable else "no: every run compiles anew", writable


def places() -> Iterator[Fact]:
    """Packages of ours that are another's."""
    for name in PACKAGES:
        spec = find_spec(name)
        found = [Path(place).parent for place in (spec.submodule_search_locations or ())] if spec else []
        if HOME not in found:
            yield f"package {name}", f"is taken from {found[0] if found else 'nowhere'}, not from {HOME}", False


def clashes() -> Iterator[Fact]:
    """Folders in the working directory that hide ours as soon as Python looks there first."""
    for name in PACKAGES:
        local = Path.cwd() / name
        if Path.cwd() != HOME and (local.is_dir() or local.with_suffix(".py").is_file()):
            yield f"name clash: {name}", f"{local} hides rxtape's {name} where Python looks into the working folder first; rename it", False


def offered() -> Iterator[Fact]:
    for kind in KINDS:
        for plugin in plugins(kind):
            problem = plugin.problem()
            yield f"{kind} {plugin.name}", problem or f"{plugin.where} ({plugin.package} {version(plugin.package)})", not problem
