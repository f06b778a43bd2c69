"""Digests: each event of a history holds the digest of all before it, so that none can be changed, left out or moved unnoticed."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

__all__ = ["digest_of", "identity", "instant", "time_of"]

APART = frozenset({"originator_id", "originator_version", "originator_topic", "timestamp", "chain"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def identity(kind: str, alert: str) -> UUID:
    """The id of what an alert gives rise to: the same in every run, so that a second delivery meets the first.

    >>> identity("incident", "1f00") == identity("incident", "1f00") != identity("alert", "1f00")
    True
    """
    return UUID(bytes=hashlib.blake2b(f"{kind}\0{alert}".encode(), digest_size=16).digest())


def digest_of(before: str, owner: UUID, version: int, kind: str, facts: Mapping[str, Any]) -> str:
    """The digest of an event and of all that came before it, whose digest is `before`."""
    told = {name: value for name, value in facts.items() if name not in APART}
    text = msgspec.json.encode([before, owner.hex, version, kind, told], order="sorted")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def instant(time_ns: int) -> datetime:
    """The time that the library keeps beside ours, in whole microseconds.

    >>> instant(1_381_219_200_000_000_999).isoformat()
    '2013-10-08T08:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=time_ns // 1000)


def time_of(moment: datetime) -> int:
    """The time of such a one, int64 ns UTC.

    >>> time_of(instant(1_381_219_200_000_000_999))
    1381219200000000000
    """
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000
