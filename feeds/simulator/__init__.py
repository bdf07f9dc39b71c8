"""Marketplaces as the publisher meets them: their limits, their late application, their feeds, their faults, buyers.

A `Marketplace` does no I/O and has no clock: `handle(received, now_ms)` answers a request, `advance(now_ms)` carries
out what has become due. `http.py` serves them over HTTP, a benchmark drives the same objects in simulated time. Nothing
here comes from the publisher, so that a mistake in one is visible against the other.
"""
