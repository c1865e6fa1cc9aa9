"""Error-carrying arithmetic, comparison within bounds, and statistics with one error budget."""
