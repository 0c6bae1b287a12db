"""WireGuard as the machine has it: its files, what runs, its keys.

keys.py   keys and what they look like        live.py   what runs, by wg(8)
wg_easy.py  what wg-easy keeps
conf.py   wg-quick's files, every byte that isn't edited stays
"""
