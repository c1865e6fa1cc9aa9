"""Grades many submissions: finds them, judges each in a warm process or on a cluster, and writes the results."""
