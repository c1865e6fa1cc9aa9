"""Other right ways to write the datasets, the padding and the loader."""
