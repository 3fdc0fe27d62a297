"""Published equations that the service does not use, kept to compare with."""
