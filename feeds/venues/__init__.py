"""Venues: what an exchange says and is told, as pure functions. No I/O and no clock here; connections live in `feeds.live`."""
