"""Data: datasets of pairs, of next tokens and of random crops; padding; the loader."""
