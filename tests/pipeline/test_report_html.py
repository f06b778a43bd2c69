"""What a notebook shows of a tape and a report: text, never markup of others."""

from runs import Ups

from pipeline import Alert, Ticks, run
from pipeline.checks import open_tape
from pipeline.operators import moving_average
from pipeline.report import Report


def test_a_tape_shows_its_columns_and_what_works_on_it():
    tape, _ = open_tape(price=[1.0, 2.0])
    tape.pipe(moving_average(10))
    assert tape._repr_html_() == (
        "<p>tape: seq, time, symbol, kind, price, size</p><ul><li>tape | MovingAverage(window=10, column=&#x27;price&#x27;)</li></ul>"
    )


def test_a_report_neutralises_markup_and_stays_short():
    symbols = [f"<b>{number}</b>" for number in range(50)]
    time = [1_704_153_600 * 10**9 + number for number in range(100)]
    ticks = Ticks.of(time, [symbol for symbol in symbols for _ in range(2)], price=[1.0, 2.0] * 50)
    shown = run(ticks, Ups(name="<script>"))._repr_html_()
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("1 raised") == 20
    assert "and 30 alerts more" in shown


def test_the_symbols_with_most_alerts_come_first():
    report = Report()
    report.count([Alert("A", 1, strategy="s"), Alert("B", 2, strategy="s"), Alert("B", 3, strategy="s")])
    shown = report._repr_html_()
    assert shown.index("B: 2 raised") < shown.index("A: 1 raised")
    assert "more" not in shown
