"""The router, asked for its address outside and for a port: what it answers is checked, bounded, and believed only
where it comes from the gateway.

uplink.py   which router, and which of our addresses it knows     mapped.py   what was granted, and what was refused
pcp.py      Port Control Protocol                                 natpmp.py   its ancestor
ssdp.py     finding a router that speaks UPnP                     igd.py      asking it: Internet Gateway Device
pinhole.py  its firewall for IPv6                                 xml.py      XML of strangers
"""
