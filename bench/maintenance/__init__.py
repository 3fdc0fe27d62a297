"""The cost of decay and consolidation, and how much searches feel of them."""
