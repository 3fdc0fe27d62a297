"""The memory model, pure: arrays in, arrays out. No input or output, no clock, no randomness."""
