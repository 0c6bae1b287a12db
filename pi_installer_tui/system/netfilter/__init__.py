"""Packet rules as the kernel has them, and what they do to a packet that is only thought of.

rules.py     the model: chains of rules of conditions, and the walk of a packet through them
iptables.py  what iptables-save prints, as that model
nft.py       what `nft --json list ruleset` prints, as that model
passing.py   one packet's way through all of a machine's tables
"""
