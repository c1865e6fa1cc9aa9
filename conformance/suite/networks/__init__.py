"""MLP, FeedForward and Residual: blocks whose structure is free and whose function is not."""
