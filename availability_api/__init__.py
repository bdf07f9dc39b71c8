"""The HTTP API: lookups read the Redis view and never touch Kafka; reservations are asked of the engine through it."""
