"""The engine: runs the suite's properties on a submission and makes results of what they find."""
