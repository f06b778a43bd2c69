"""Formats of times: what is read is what strptime reads, and what would be read otherwise than it looks is refused."""

from datetime import UTC, datetime

import pytest

from feeds.csv_time_formats import TimeFormat
from pipeline.errors import UsageError

DAY = "2013-10-07"


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %I:%M:%S %p", "%d %b %Y %I %p"])
def test_every_hour_is_that_of_strptime(form, hour):
    text = datetime(2013, 10, 7, hour, tzinfo=UTC).strftime(form)
    assert TimeFormat(form).of(text) == (int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * 10**9, None)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("%Y-%m-%d %H:%M %p", "%p .AM or PM. goes with the hour of %I; write %I"),
        ("%Y-%m-%d %p", "%p .AM or PM. goes with the hour of %I"),
        ("%Y-%m-%d %I:%M", "without %p .AM or PM. nobody knows which half"),
        ("%Y-%m-%d %H %I %p", "both the hour"),
        ("%Y-%m-%dT%H:%M:%SZ", "the Z in the format is plain text; write %z"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "write %z"),
        ("%FT%TZ ", "write %z"),
        ("%H:%M:%SZ %d.%m.%Y", "write %z"),
    ],
)
def test_a_format_that_would_read_other_times_is_refused_with_the_reason(form, why):
    with pytest.raises(UsageError, match=why):
        TimeFormat(form)


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S%z", "Z %Y-%m-%d", "%Y-%m-%d %H:%M:%S %z Z"])
def test_a_z_that_means_no_zone_stays_text(form):
    text = form.replace("%Y-%m-%d", DAY).replace("%H:%M:%S", "09:30:00").replace("%z", "Z")
    assert not isinstance(TimeFormat(form).of(text), str)
