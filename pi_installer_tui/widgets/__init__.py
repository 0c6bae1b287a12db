"""What screens are made of. A widget knows no module."""
