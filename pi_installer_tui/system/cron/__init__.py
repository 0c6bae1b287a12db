"""Cron as Debian has it (the package cron 3.0pl1): its tables, every byte that isn't edited stays; its schedules.

table.py   a crontab's lines        fields.py  the five fields and the @ forms      runs.py  when it runs next
words.py   a schedule in words      read.py    all of a machine's                   lint.py  what goes wrong with it
wrapped.py a command that is recorded   recorder.py  what records it, a script   records.py  what it wrote down
"""
