"""systemd's timers, and what at(1) keeps: read, put into words, converted from cron's schedules and back, written.

calendar.py asks systemd-analyze and says an expression in words; conversion.py goes from cron to OnCalendar= and back;
unit.py writes unit files and reads them; read.py lists what is scheduled; history.py what ran.
"""
