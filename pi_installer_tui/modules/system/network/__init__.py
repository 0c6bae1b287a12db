"""Interfaces and their addresses, through whatever program the machine sets them with.

Each backend is a file here with the same functions: `interfaces` reads what it owns, `steps` turns what is wanted into
steps that write where that backend reads and then make it take effect. What such a program is called is in BACKENDS,
those that are only recognised and refused in REFUSED.
"""
