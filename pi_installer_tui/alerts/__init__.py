"""Alerts: rules over what the machine does, and the ways by which they reach somebody who isn't looking.

config.py   what the collector is told: rules, channels, quiet hours      rules.py   when a rule fires and recovers
engine.py   all rules over time, and their history                        watch.py   services, logs, hosts, certificates
outbox.py   what couldn't be sent yet                                     channels/  mail, ntfy, webhook, Telegram ...

It runs in the collector, so nothing but the standard library and psutil is imported at its start.
"""
