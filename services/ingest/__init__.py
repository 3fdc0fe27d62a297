"""From a wish to a fact: validates what producers send, embeds it, appends it to the log."""
