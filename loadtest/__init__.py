"""Loads: the W1 workload, real tills with a simulation around them; replay, verification, measuring."""
