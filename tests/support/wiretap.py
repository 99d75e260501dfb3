# SPDX-License-Identifier: Apache-2.0
"""What somebody on the wire gets to see: tshark beside a conversation, and questions to its capture."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

MARKER_PORT = 9
PATIENCE = 30


def refused(interface="lo"):
    """None where tshark may capture, else why not."""
    if not shutil.which("tshark"):
        return "tshark is not installed"
    done = subprocess.run(["tshark", "-i", interface, "-c", "1", "-a", "duration:0"], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    return None if done.returncode == 0 else f"tshark may not capture on {interface}: {done.stderr.strip()[-200:]}"


class Wiretap:
    """with Wiretap(port) as tap: ...; then tap.fields("mqtt", "mqtt.topic") and tap.has(b"...").

    No time is guessed: a datagram of our own that is found in the capture file proves that capturing has begun, or
    that everything sent before it has been written. `inside` are words such as ip netns exec NAME."""

    def __init__(self, port, interface="lo", address="127.0.0.1", inside=()):
        self.port, self.interface, self.address, self.inside = port, interface, address, list(inside)
        self.dir = tempfile.mkdtemp(prefix="nj-tap-")
        self.file = os.path.join(self.dir, "wire.pcapng")
        self.marks = 0
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [*self.inside, "tshark", "-n", "-q", "-i", self.interface, "-w", self.file, "-f",
             f"tcp port {self.port} or udp port {MARKER_PORT}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for_mark()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.wait_for_mark()
        finally:
            self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def wait_for_mark(self):
        self.marks += 1
        mark = f"nightjar-mark-{self.marks}-"
        deadline = time.monotonic() + PATIENCE
        while not self.has(mark.encode()):
            assert time.monotonic() < deadline, "tshark captures nothing"
            assert self.process.poll() is None, "tshark has ended"
            subprocess.run([*self.inside, "bash", "-c", f"echo -n {mark} >/dev/udp/{self.address}/{MARKER_PORT}"],
                           check=False, stderr=subprocess.DEVNULL)
            again = time.monotonic() + 0.5
            while not self.has(mark.encode()) and time.monotonic() < again:
                time.sleep(0.02)

    def has(self, what):
        """Do these bytes lie anywhere in the capture?"""
        try:
            with open(self.file, "rb") as f:
                return what in f.read()
        except FileNotFoundError:
            return False

    def fields(self, which, *names, speaks="mqtt", keys=None):
        """The values of fields in the packets that a display filter finds, one tuple for each packet that has any.
        The port is read as `speaks`: mqtt, or tls where MQTT may be within; `keys` is a file of TLS's keys."""
        words = ["tshark", "-n", "-r", self.file, "-d", f"tcp.port=={self.port},{speaks}", "-Y", which, "-T", "fields"]
        if keys:
            words += ["-o", f"tls.keylog_file:{keys}", "-d", f"tls.port=={self.port},mqtt"]
        for name in names:
            words += ["-e", name]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=PATIENCE * 2,
                              check=True)
        rows = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
        return [row for row in rows if any(row)]
