"""The memory model against what people did in the experiments it is held against."""
