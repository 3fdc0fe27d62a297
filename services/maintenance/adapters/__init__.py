"""Kafka and Redis behind the ports."""
