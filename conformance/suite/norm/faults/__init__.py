"""How LayerNorm and RMSNorm go wrong."""
