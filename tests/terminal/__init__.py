"""A program on a terminal of ours: a pty read at the speed of a line, a terminal emulator as the judge of what is on
the screen. Used by the tests of consoles and by benchmarks/terminal_cost.py."""
