"""The memory on Kafka: topics, producer, consumer, and request and reply over them."""
