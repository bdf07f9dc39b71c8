"""Two cells against a Bytewax cluster of two processes that drives the same lanes: an experiment, and its report."""
