"""Other right ways to write the loss, the head and the training loop."""
