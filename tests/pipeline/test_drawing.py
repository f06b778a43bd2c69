"""The drawing of a plot, and where it is saved: by a notebook, by `save_plot`, by `rxtape replay --plot`."""

import sys
from importlib.resources import as_file, files

import numpy as np
import pytest
from click.testing import CliRunner
from runs import START, Ups, ticks_of

from feeds.recorded import demo
from feeds.synthetic import synthetic
from pipeline import Strategy, Ticks, alert_when, combine_latest, run
from pipeline.cli import main
from pipeline.drawing import Numbers
from pipeline.errors import SinkError, UsageError
from pipeline.operators import last
from pipeline.plot import check_picture, save_plot
from strategies.volume_breakout import VolumeBreakout


@pytest.fixture(scope="module")
def flagship():
    return run(demo(), VolumeBreakout())


# The drawing.


def test_the_figure_names_its_axes_units_lines_and_alerts(flagship):
    figure = flagship.plot("INDQ", tz="America/New_York")
    price, size, change = figure.axes
    assert [ax.get_ylabel() for ax in figure.axes] == ["price\n(quote currency)", "size\n(base units)", "change\n(%)"]
    assert change.get_xlabel() == "time (America/New_York)"
    assert figure.get_suptitle() == "INDQ\nvolume_breakout: 1 raised and 1 cleared"
    texts = [text.get_text() for text in price.get_legend().get_texts()]
    assert texts == ["price", "average", "raised, warning (1)", "cleared, warning (1)"]
    assert [text.get_text() for text in size.get_legend().get_texts()] == ["volume", "usual"]


def test_raised_alerts_are_full_cleared_ones_hollow_in_the_colour_of_their_severity(flagship):
    raised, cleared = flagship.plot("INDQ").axes[0].collections[-2:]
    assert raised.get_facecolor().tolist() == cleared.get_edgecolor().tolist() != cleared.get_facecolor().tolist()
    assert cleared.get_facecolor()[0].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert len(raised.get_offsets()) == len(cleared.get_offsets()) == 1


def test_a_notebook_gets_a_picture_and_names_are_never_formulas(tmp_path):
    class Dollars(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(lambda tape: Ups().alerts(tape))

    ticks = Ticks.of(START + np.arange(3), ["$A_{1}$"] * 3, price=[1.0, 2.0, 3.0])
    figure = run(ticks, Dollars(name="$x^2$")).plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    figure.savefig(tmp_path / "out.svg")
    drawn = (tmp_path / "out.svg").read_text()
    assert "$A_{1}$" in drawn


def test_labels_have_as_many_decimals_as_their_distance_needs(flagship):
    assert Numbers().format_ticks([136.0, 136.5, 137.0]) == ["136.0", "136.5", "137.0"]
    assert Numbers().format_ticks([0.0, 2_500_000.0]) == ["0", "2,500,000"]
    assert Numbers().format_ticks([-2e-05, 0.0, 2e-05]) == ["-0.00002", "0.00000", "0.00002"]


def test_many_alerts_and_a_wild_alert_by_hand_are_drawn(tmp_path):
    class Wild(Strategy):
        def alerts(self, ticks):
            return [
                Ups().alerts(ticks),
                combine_latest(x=ticks.pipe(last())).pipe(alert_when(lambda s: s.x > 0, every=True, severity="info")),
            ]

    report = run(synthetic(symbols=3, ticks=20_000, span="2h"), Wild())
    figure = report.plot()
    save_plot(report, tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 10_000
    assert sum(len(marks.get_offsets()) for marks in figure.axes[0].collections) > 1_000


def test_a_zone_that_is_none_is_told(flagship):
    with pytest.raises(UsageError, match="tz='Mars/Base' is no time zone"):
        flagship.plot("INDQ", tz="Mars/Base")


def test_without_matplotlib_it_says_what_to_install(flagship, monkeypatch):
    monkeypatch.delitem(sys.modules, "pipeline.drawing", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"pip install 'rxtape\[notebooks\]'"):
        flagship.plot("INDQ")


# Files, and the command line.


def test_a_picture_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match=r"no picture is written as 'xyz'; write out.png, or another of .*svg"):
        check_picture(tmp_path / "out.xyz")
    with pytest.raises(UsageError, match="the name of a picture ends with its format"):
        check_picture(tmp_path / "out")
    with pytest.raises(UsageError, match="there is no folder"):
        check_picture(tmp_path / "none" / "out.png")


def test_a_picture_that_cannot_be_written_is_a_sink_error(tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(SinkError, match="cannot be written: Is a directory"):
        save_plot(run(ticks_of(5)), tmp_path / "out.png")


def test_replay_draws_a_picture(tmp_path, monkeypatch):
    with as_file(files("feeds") / "data" / "demo.csv.gz") as packed:
        (tmp_path / "ticks.csv.gz").write_bytes(packed.read_bytes())
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["replay", "ticks.csv.gz", "-s", "volume_breakout", "--plot", "out.svg", "--plot-symbol", "INDQ"])
    assert done.exit_code == 0, done.output
    assert "the picture is in out.svg" in done.stderr
    assert "INDQ" in (tmp_path / "out.svg").read_text()
    refused = CliRunner().invoke(main, ["replay", "ticks.csv.gz", "-s", "volume_breakout", "--plot", "out.xyz"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    alone = CliRunner().invoke(main, ["replay", "ticks.csv.gz", "-s", "volume_breakout", "--plot-symbol", "INDQ"])
    assert alone.exit_code == 2
    assert "add --plot out.png" in alone.stderr
