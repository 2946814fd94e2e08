"""How deliveries stand, in words: state, what waits for whom, and why something does not move."""
