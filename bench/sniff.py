# SPDX-License-Identifier: Apache-2.0
"""nightjar sniff beside tshark on the same capture: `-T fields -e mqtt.topic`, how long and in how much memory.

The capture is made first, of connections that publish and end, and lies in the system's cache when it is read. tshark and nightjar take
turns; they must print the same."""

import filecmp
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

import brokers

NAME = "sniff"
BYTES, QUICK_BYTES = 1 << 30, 1 << 26
AT_LEAST = 5  # times tshark's rate
MOST_MIB = 200

CONNECTIONS, MESSAGES = 100, 100  # of the part that is repeated, each time with clients of other addresses


def segment(to_server, port, sequence, ack, flags, payload=b""):
    """A record of a pcap, with an Ethernet frame; the client's address is filled in later."""
    ports = (port, 1883) if to_server else (1883, port)
    tcp = struct.pack("!HHIIBBHHH", *ports, sequence, ack, 0x50, flags, 65000, 0, 0) + payload
    hosts = (bytes(4), b"\n\0\0\2") if to_server else (b"\n\0\0\2", bytes(4))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 7, 0x4000, 64, 6, 0) + b"".join(hosts)
    frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + tcp
    return struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame


def messages(rng):
    yield True, bytes([0x10, 16]) + b"\0\4MQTT\4\2\0\x3c\0\4" + b"crow"
    yield False, b"\x20\2\0\0"
    for number in range(MESSAGES):
        topic = b"site/%d/sensor/%d/temperature" % (number % 7, rng.randrange(1000))
        body = struct.pack("!H", len(topic)) + topic + rng.randbytes(rng.choice((8, 40, 200, 1000)))
        yield True, b"\x30" + (bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 0x7F | 0x80, len(body) >> 7])) + body


def part():
    """Records, one after the other in turns of the connections, and where each begins and its client's address stands."""
    rng = random.Random(1)
    turns = [[] for _ in range(MESSAGES + 5)]
    for number in range(CONNECTIONS):
        port, sequence = 20000 + number, {True: 1000, False: 5000}
        turns[0] += [(True, segment(True, port, 999, 0, 2)), (False, segment(False, port, 4999, 1000, 0x12)),
                     (True, segment(True, port, 1000, 5000, 0x10))]
        for turn, (to_server, payload) in enumerate(messages(rng), 1):
            turns[turn].append((to_server, segment(to_server, port, sequence[to_server], sequence[not to_server], 0x18, payload)))
            sequence[to_server] += len(payload)
            turns[turn].append((not to_server, segment(not to_server, port, sequence[not to_server], sequence[to_server], 0x10)))
        turns[-1] += [(True, segment(True, port, sequence[True], sequence[False], 0x11)),
                      (False, segment(False, port, sequence[False], sequence[True] + 1, 0x11))]
    out, places = bytearray(), []
    for to_server, record in (entry for turn in turns for entry in turn):
        places.append((len(out), len(out) + 16 + 14 + (12 if to_server else 16)))
        out += record
    return out, places


def write_capture(path, size):
    records, places = part()
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for number in range(max(1, size // len(records))):
            client = struct.pack("!I", 0x0B000000 + number)
            for at, address in places:
                struct.pack_into("<I", records, at, 1700000000 + number)
                records[address:address + 4] = client
            out.write(records)


@dataclass
class Result:
    capture_bytes: int = 0
    runs: dict = field(default_factory=lambda: {"tshark": [], "nightjar": []})
    fault: str | None = None

    def median(self, program, key):
        return statistics.median(r[key] for r in self.runs[program])

    @property
    def times(self):
        """By processor time, which others on the machine change less than the clock's."""
        return self.median("tshark", "cpu_s") / self.median("nightjar", "cpu_s")

    @property
    def is_missed(self):
        return self.times < AT_LEAST or self.median("nightjar", "peak_mib") > MOST_MIB

    def faults(self):
        return [f"{NAME}: {self.fault}"] if self.fault else []

    def told(self):
        return {"capture_bytes": self.capture_bytes, "times": self.times, "verdict": "miss" if self.is_missed else "ok", "runs": self.runs}


def peak_mib(pid):
    """Of the program itself; what wait4() tells begins with this process's, of which it was a copy."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return max((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), default=0)


def read_once(words, capture, printed):
    with open(printed, "wb") as out:
        began, peak = time.monotonic(), 0
        process = subprocess.Popen([*words, "-n", "-r", capture, "-T", "fields", "-e", "mqtt.topic"], stdout=out,
                                   stderr=subprocess.DEVNULL)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        while not ended:
            peak = max(peak, peak_mib(process.pid))
            time.sleep(0.01)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        wall_s = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise brokers.CannotRun(f"{words[0]} ended with {process.returncode}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall_s, "peak_mib": peak}


def is_possible():
    return shutil.which("tshark") is not None


def measure(args):
    if not is_possible():
        raise brokers.CannotRun("tshark is not installed")
    result = Result()
    os.makedirs(args.disk, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nj-sniff-", dir=args.disk) as folder:
        capture = pathlib.Path(folder) / "bench.pcap"
        write_capture(capture, QUICK_BYTES if args.quick else BYTES)
        result.capture_bytes = capture.stat().st_size
        printed = {name: pathlib.Path(folder) / name for name in result.runs}
        for _ in range(args.runs or (1 if args.quick else 3)):
            for name, words in (("tshark", ["tshark"]), ("nightjar", [brokers.NIGHTJAR, "sniff"])):
                result.runs[name].append(read_once(words, capture, printed[name]))
        if not filecmp.cmp(*printed.values(), shallow=False):
            result.fault = "tshark and nightjar print different topics"
    show(result)
    return result


def show(result):
    print(f"\n{NAME}: a capture of {result.capture_bytes >> 20} MiB, -T fields -e mqtt.topic")
    for name in result.runs:
        print(f"  {name:10} {result.median(name, 'cpu_s'):8.2f} s of processor  {result.median(name, 'wall_s'):8.2f} s  "
              f"{result.median(name, 'peak_mib'):8.1f} MiB")
    print(f"  {result.times:.1f} times tshark's rate (target: {AT_LEAST}; {MOST_MIB} MiB)  {'miss' if result.is_missed else 'ok'}", flush=True)
