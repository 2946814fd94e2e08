"""What people put right: unknown outcomes, the books, remainders, a copied database, routes."""
