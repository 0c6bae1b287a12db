"""How the machine is read and spoken to. `Host` is the one door: nothing outside this package opens a file of the
machine or starts a program on it."""
