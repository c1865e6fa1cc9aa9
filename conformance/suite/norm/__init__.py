"""Normalisation: LayerNorm and RMSNorm."""
