"""The screens of the module VPN."""
