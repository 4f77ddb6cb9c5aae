"""What stackctl costs, as ratios to what would have to be done without it."""
