"""Backup: what is kept, where, when, and whether it can be had back.

settings.py   what can be wanted: jobs; places.py where to; values.py the narrow forms of single values
"""
