"""Alerts: rules over what the machine does, and the ways by which they reach somebody who isn't looking.

config.py   what the collector is told: rules, channels, quiet hours      rules.py   when a rule fires and recovers
engine.py   all rules over time: fires, tells, keeps account              watch/     services, logs, hosts, certificates
ledger.py   what is kept on disk          history.py  the same for readers and for who acknowledges
outbox.py   what is to be sent            deliver.py  the process that sends it, by channels/: mail, ntfy, webhook ...
login.py    the login message             words.py    an alert in words

It runs in the collector, so nothing but the standard library and psutil is imported at its start; ssl, http and smtplib
only in the process that sends.
"""
