"""Security: what protects the machine."""
