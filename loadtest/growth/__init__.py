"""Throughput and latency as a retailer grows."""
