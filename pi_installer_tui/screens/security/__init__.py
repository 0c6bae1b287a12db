"""The screens of Security."""
