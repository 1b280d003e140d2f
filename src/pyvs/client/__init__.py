"""A client for your programs: services and servers with addresses as one writes them, waiting or awaited.

client          `Client`: verbs of your own values, beside those of the control language
asynchronous    `AsyncClient`: the same, awaited
values          `Service`, `Destination`, `Info`
kernel          the way to a kernel that has IPVS
"""
