"""What commands about deliveries have in common, in every room that has some."""
