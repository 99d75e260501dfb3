# SPDX-License-Identifier: Apache-2.0
"""TLS sessions made in memory, with their key log, and written as a capture in segments of any size."""
import socket
import ssl
import struct
import subprocess


def certificate(folder, *words, name="/C=FR/O=ISIS/CN=broker"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", name, *words, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


class Session:
    """Both ends of one connection, and all that goes over the wire: (is the client's, bytes)."""

    def __init__(self, folder, version, ciphers=None, log=True):
        cert, key = certificate(folder)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        client.minimum_version = client.maximum_version = version
        if ciphers:
            client.set_ciphers(ciphers)
        self.keylog = folder / "keylog.txt"
        if log:
            client.keylog_filename = str(self.keylog)
        self.wire = []
        self.pipes = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.ends = [client.wrap_bio(*self.pipes[0], server_hostname="broker.test"), server.wrap_bio(*self.pipes[1], server_side=True)]
        done = [False, False]
        while not all(done):
            for i, end in enumerate(self.ends):
                try:
                    end.do_handshake()
                    done[i] = True
                except ssl.SSLWantReadError:
                    pass
                self.carry(i)

    def carry(self, i):
        data = self.pipes[i][1].read()
        if data:
            self.wire.append((i == 0, data))
            self.pipes[1 - i][0].write(data)

    def send(self, is_client, *records, close=False):
        """What goes out together, one record for each."""
        end = self.ends[0 if is_client else 1]
        for record in records:
            end.write(record)
        if close:
            try:
                end.unwrap()
            except ssl.SSLError:
                pass
        self.carry(0 if is_client else 1)


def capture(path, wire, cut=lambda data: [data], port=8883):
    """A pcap of the connection: its handshake, and each message in the segments that `cut` makes of it."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
        seq, at = [1000, 5000], 0
        hosts, ports = [socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2")], [40000, port]

        def put(i, flags, payload=b""):
            nonlocal at
            ack = 0 if flags == 2 else seq[1 - i]
            tcp = struct.pack(">HHIIBBHHH", ports[i], ports[1 - i], seq[i], ack, 5 << 4, flags, 65000, 0, 0)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), at, 0, 64, 6, 0, hosts[i], hosts[1 - i])
            frame = ip + tcp + payload
            out.write(struct.pack("<IIII", 1700000000, at, len(frame), len(frame)) + frame)
            seq[i] += len(payload) + (1 if flags & 2 else 0)
            at += 1

        put(0, 2)
        put(1, 18)
        put(0, 16)
        for is_client, data in wire:
            for part in cut(data):
                put(0 if is_client else 1, 24, part)
                put(1 if is_client else 0, 16)
    return path
