"""How MLP, FeedForward and Residual go wrong."""
