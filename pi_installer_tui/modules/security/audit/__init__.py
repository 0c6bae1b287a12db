"""The audit: checks with receipts, a score made of them, and what can be reached from outside.

base.py        a check, a finding, its evidence
accounts.py, sudo.py, permissions.py, files.py, mounts.py, updates.py, services.py, sshd.py, kernel.py, firewall.py
               one area each: `read(host)` gathers the facts, `judge(facts)` is pure
sockets.py     listening sockets, and the programs and packages behind them
netfilter/     what the rule sets as they are do with a connection from outside
exposure.py    both together, with what Docker publishes past the firewall
lynis.py       a second opinion
report.py      all of it: `look(host)`, the score
"""
