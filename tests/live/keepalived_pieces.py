"""Parts of keepalived's configuration, for `str.format`."""

from typing import Final

VRRP: Final = """vrrp_instance LAB {{
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    virtual_ipaddress {{
        {floating}/24
    }}
}}
"""
"""The host that has the address {floating}."""

HTTP_GET: Final = """\
        HTTP_GET {{
            url {{
                path /
                status_code 200
            }}
            connect_timeout 10
            retry 0
        }}
"""
"""A server serves while its page comes: one that has ended refuses at once, one on a busy machine takes its time."""
