"""What the faces ask people for. Forms read; the verbs decide."""
