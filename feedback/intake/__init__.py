"""What comes back by mail: stored as it came, read, found to be about a message of ours, and taken to heart."""
