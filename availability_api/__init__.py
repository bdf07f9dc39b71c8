"""The HTTP API over the Redis view: it reads rows, and never touches Kafka."""
