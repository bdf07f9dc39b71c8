"""How things look outside: Avro and its framings, topics, the Redis view, blocks between lanes. No I/O."""
