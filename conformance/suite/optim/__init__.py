"""AdamW from scratch: its state, one step, and a step of many parameters."""
