"""Time: decay, consolidation and forgetting, each slot once, each run with a report."""
