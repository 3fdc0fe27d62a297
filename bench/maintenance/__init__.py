"""What decay and consolidation cost, and what searches feel of them."""
