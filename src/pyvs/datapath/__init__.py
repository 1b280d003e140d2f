"""How packets arrive and leave: everything that reads or writes them, and nothing that decides.

device.py                      the interface: frames in, frames out; memory.py is a list
pcap/, link/                   capture files, pcap and pcapng, with their link types
tracer.py, fault_injector.py   wrap any device
nfqueue/, mmsg.py              packets out of the kernel's queues, in batches
chains/                        the iptables rules that put them there
sender.py, icmp_rate.py        raw sockets; the host's limits on ICMP errors
system.py                      system calls that Python does not have yet: network namespaces, mounts
rtnetlink.py                   the host's routes, links and addresses
describe.py                    a packet in a line, for people
"""
