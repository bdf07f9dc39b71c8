"""Every number computed a second time, and held against what is served."""
