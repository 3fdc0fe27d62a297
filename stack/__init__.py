"""Real Apache Kafka and Redis with RediSearch on this machine, without Docker."""
