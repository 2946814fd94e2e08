"""How messages leave the house: the contract, and the channels that keep it."""
