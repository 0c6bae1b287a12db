"""What the packet filter does with a connection from outside, by its rule sets as they are (system/netfilter).

ruleset.py   `read(host)`: all tables of the machine; `verdict` of a port
"""
