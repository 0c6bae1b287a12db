"""What a machine does in numbers: read from /proc and /sys, kept in a history of fixed size.

names.py   the metrics, their units          reading.py    one look at /proc and /sys
rates.py   two looks make values             history.py    the database
collector.py  the service that keeps it      prometheus.py the text format

The collector lives here, so nothing but the standard library and psutil is imported: no Textual, pydantic or YAML.
"""
