"""The way from what is to what is wanted, a file for each area."""
