"""The engine's processes: cells that read Kafka, step their lanes, and publish what moved."""
