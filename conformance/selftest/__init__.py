"""The suite judged: faults found, honest oddities left alone, hostile submissions not passed."""
