"""The log folded into the read side: live, rebuilt, compared by digest."""
