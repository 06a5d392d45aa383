"""Lets the Python program that finds this on its path reach loopback only, and
notes each other host that it tries in the file S3_STRAYS."""
import os
import socket

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _refuse(host):
    with open(os.environ["S3_STRAYS"], "a") as strays:
        strays.write("%s\n" % (host,))
    raise OSError("kept from reaching %s" % (host,))


def connect(self, address):
    if self.family != socket.AF_UNIX and address[0] not in LOOPBACK:
        _refuse(address[0])
    return _connect(self, address)


def getaddrinfo(host, *args, **kwargs):
    if host not in LOOPBACK:
        _refuse(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
