"""How the loss, the head and the training loop go wrong."""
