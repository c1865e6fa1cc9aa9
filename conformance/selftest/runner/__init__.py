"""Tests of the runner: its protocol, its processes, and what confines them."""
