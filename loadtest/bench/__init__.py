"""Figures of the engine alone: drains, latency, decisions, lookups, feeds."""
