"""What every area shares: signatures, construction, and the properties made from them."""
