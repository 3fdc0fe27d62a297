"""The whole system on one machine: supervised processes and what is known of them."""
