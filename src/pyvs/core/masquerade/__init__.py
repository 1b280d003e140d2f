"""The ancestor: IP masquerading and port forwarding as Linux 2.2 had them, before there was IPVS.

A network behind the director reaches the outside under the director's address, by ports 61000 to 65095. Rules of
port forwarding lead the other way: a port of the director is served by a machine behind it.

Reading order: `entry`, `states`, `ports`, `table` (what is kept), `new` (an entry begins), `learn` (what it learns),
`masquerade` (from inside to outside), `demasquerade` (back), `icmp` (both ways), `ftp` (a helper), `portfw` and
`least_load` (which machine serves), `agent_line` and `reweigh` (what machines say of themselves), `state` (all of it,
as the engine holds it), `requests` (what administrators ask). IPv4 only.
Kernel: ip_masq.c, ip_masq_portfw.c of Linux 2.2.
"""
