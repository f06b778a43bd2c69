"""Fixtures for the tests of the journal."""

import pytest

from pipeline.journal import segment


@pytest.fixture(params=[segment.AT_ONCE, 0], ids=["one write a frame", "several"])
def writes(request, monkeypatch):
    """Frames written at once, as small ones are, and part by part, as large ones are."""
    monkeypatch.setattr(segment, "AT_ONCE", request.param)
