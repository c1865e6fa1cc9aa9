"""How the initialisers go wrong."""
