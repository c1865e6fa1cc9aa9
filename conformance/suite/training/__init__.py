"""Training: one step on the mean squared error."""
