"""Set up, harden, watch, back up and mend a Raspberry Pi or any Debian server from a full-screen terminal."""

__version__ = "0.1.0"
