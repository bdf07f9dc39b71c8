"""Whole publishers against simulated marketplaces, in simulated time: only the time, Kafka and the network are not
real."""
