"""The screens of Monitoring."""
