"""What opening, memory, output and applying cost, measured from outside: `python -m benchmarks` prints the table of
docs/performance.md."""
