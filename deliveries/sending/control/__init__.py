"""While a delivery leaves: waves that are held, stopping all sending, and what a stop says."""
