# SPDX-License-Identifier: Apache-2.0
"""A network of its own whose one name server is ours: what is asked there comes to nobody else.

    with Network({"_mqtt._tcp.example.test SRV": ["0 0 1883 b.example.test"], "b.example.test A": ["127.0.0.2"]}) as net:
        run([*net.inside, NIGHTJAR, "pub", "-S", "-h", "example.test", ...])

A name that no key begins with does not exist; a type that is not there has no record. Without an answer (None)
the server fails. Run as a program this file is the server, in namespaces that `unshare` has made.
"""
import json
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading

NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
TYPES = {1: "A", 28: "AAAA", 33: "SRV"}
UDP_BYTES = 512


# ---------------------------------------------------------------------------------- for a test

class Network:
    """`inside`: the words that run a command in it. `zone` may be changed at any time, by publish()."""

    def __init__(self, zone, search=""):
        from .broker import Log
        self.dir = tempfile.mkdtemp(prefix="nj-dns-")
        self.publish(zone)
        with open(os.path.join(self.dir, "resolv.conf"), "w", encoding="ascii") as f:
            f.write(f"nameserver 127.0.0.1\noptions timeout:1 attempts:1\nsearch {search or '.'}\n")
        self.process = subprocess.Popen(
            ["unshare", "--map-root-user", "--net", "--mount", sys.executable, os.path.abspath(__file__), self.dir],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.log = Log(self.process.stdout)
        self.inside = ["nsenter", "--target", str(self.process.pid), "--user", "--net", "--mount",
                       "--preserve-credentials", f"--wd={os.getcwd()}"]

    def refused(self):
        """None, or why there can be no such network here."""
        try:
            self.log.wait("^ready$")
            return None
        except AssertionError:
            return f"no network namespaces here: {self.log.text}"

    def publish(self, zone):
        new = os.path.join(self.dir, "new")
        with open(new, "w", encoding="ascii") as f:
            json.dump(zone, f)
        os.replace(new, os.path.join(self.dir, "zone"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


# ---------------------------------------------------------------------------------- the server

def name(text):
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def data(kind, text):
    if kind != "SRV":
        return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, text)
    *numbers, target = text.split()
    return struct.pack(">HHH", *map(int, numbers)) + name(target)


def answer(query, zone):
    """The whole answer, however large."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    asked, kind = ".".join(labels).lower(), TYPES.get(struct.unpack_from(">H", query, at + 1)[0], "?")
    print(f"{kind} {asked}", flush=True)
    records = zone.get(f"{asked} {kind}", [])
    code = SERVER_FAILURE if records is None else \
        NO_ERROR if any(key.startswith(asked + " ") for key in zone) else NO_SUCH_NAME
    out = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records or []), 0, 0) + query[12:at + 5]
    for record in records or []:
        bytes_ = data(kind, record)
        out += b"\xc0\x0c" + query[at + 1:at + 5] + struct.pack(">IH", 0, len(bytes_)) + bytes_
    return out


def serve(directory):
    def reply(query):
        with open(os.path.join(directory, "zone"), encoding="ascii") as f:
            return answer(query, json.load(f))

    class Udp(socketserver.BaseRequestHandler):
        def handle(self):
            query, sock = self.request
            out = reply(query)
            if len(out) > UDP_BYTES:                   # truncated: ask by TCP
                out = out[:2] + b"\x83\x80\0\1" + bytes(6) + out[12:out.index(b"\0", 12) + 5]
            sock.sendto(out, self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.rfile.read(2):
                out = reply(self.rfile.read(struct.unpack(">H", head)[0]))
                self.wfile.write(struct.pack(">H", len(out)) + out)

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", os.path.join(directory, "resolv.conf"), "/etc/resolv.conf"], check=True)
    address = ("127.0.0.1", 53)
    tcp = socketserver.ThreadingTCPServer(address, Tcp)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    with socketserver.UDPServer(address, Udp) as udp:
        print("ready", flush=True)
        udp.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
