"""How Linear, Embedding and Dropout go wrong."""
