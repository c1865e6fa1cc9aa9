"""Benchmarks one can believe: impl, torch and any submission, interleaved, with a noise floor and intervals."""
