"""The read side: folds the log into Redis, answers queries, appends the accesses they caused."""
