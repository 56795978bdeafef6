"""Cut the network of every Python that starts with this folder on PYTHONPATH.

Jupyter's own messages go over the loopback device, which stays open.
"""

import socket

LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None}
look_up, connect, connect_ex = (
    socket.getaddrinfo,
    socket.socket.connect,
    socket.socket.connect_ex,
)


def refuse(host):
    if host not in LOCAL:
        raise OSError(f"the network is cut: no way to {host}")


def local_getaddrinfo(host, *args, **kwargs):
    refuse(host)
    return look_up(host, *args, **kwargs)


def local_connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        refuse(address[0])
    return connect(self, address)


def local_connect_ex(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        refuse(address[0])
    return connect_ex(self, address)


socket.getaddrinfo = local_getaddrinfo
socket.socket.connect = local_connect
socket.socket.connect_ex = local_connect_ex
