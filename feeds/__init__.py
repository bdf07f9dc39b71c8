"""Marketplace publish feeds: what each channel should know of the view, in the order that prevents the most harm.

The core (`account.py` and what it imports) does no I/O and has no clock: changes, answers and the time go in, requests
and records come out. `run.py` drives it over Kafka, Redis and HTTP; the benchmark and the tests drive the same object
in simulated time.
"""
