"""The pages of profiles, audiences, imports and test profiles."""
