"""What a user would pick instead: W1 on Kafka Streams, Quix Streams and stock Bytewax, each as its own users write it.

The Python peers import nothing of the engine: `events`, `arithmetic`, `given` and `view_writer` are theirs alone, and
need only what the peer's own environment has. `python -m loadtest compare` runs them beside the engine.
"""
