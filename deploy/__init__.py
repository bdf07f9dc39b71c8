"""Local services: a real Kafka and a real Redis that live as long as the command that started them."""
