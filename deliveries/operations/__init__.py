"""People put things right: unknown outcomes, the books, remainders, a copied database, routes."""
