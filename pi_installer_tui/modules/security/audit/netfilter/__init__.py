"""What the packet filter does with a connection from outside, by its rule sets as they are.

rules.py     the model: chains of rules of conditions, and the walk of a packet through them
iptables.py  what iptables-save prints, as that model
nft.py       what `nft --json list ruleset` prints, as that model
ruleset.py   `read(host)`: all tables of the machine; `verdict` of a port
"""
