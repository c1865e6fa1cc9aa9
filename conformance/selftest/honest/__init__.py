"""Right answers that look odd; each must pass, in every dtype that counts, under every seed."""
