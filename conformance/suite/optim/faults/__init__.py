"""How AdamW goes wrong: its state, one step, and a step of many parameters."""
