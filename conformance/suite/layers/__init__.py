"""Basic layers: Linear, Embedding, Dropout."""
