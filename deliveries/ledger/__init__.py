"""One row for each recipient: the statements that change many at once, and their tallies."""
