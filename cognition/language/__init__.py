"""Words: what a text says, in terms, feelings, assertions. Needs a stemmer and a lexicon."""
