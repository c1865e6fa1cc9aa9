"""Submissions that try to get a verdict other than the one they deserve, and the test that they do not."""
