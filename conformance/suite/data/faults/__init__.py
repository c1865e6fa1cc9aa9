"""How the datasets, the padding and the loader go wrong."""
