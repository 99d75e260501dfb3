# SPDX-License-Identifier: Apache-2.0
"""Fresh brokers to put under load, and one run of `nightjar bench` against one of them."""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
NIGHTJAR = os.environ.get("NIGHTJAR", str(ROOT / "nightjar"))
FAULTS = ("lost", "doubled", "reordered", "strange", "closed")
READY_S = 120  # with a million messages to load, or to save
RUN_GRACE_S = 300

# As near to the default as loss-free windows allow: a queue that never overflows, and as many
# messages in flight as the QoS 1 and 2 scenarios keep under way.
CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 100000
max_inflight_messages 100
"""


IN_MEMORY = "persistence false\n"


class CannotRun(Exception):
    """Something the bench needs is not there; the message says what to do."""


@dataclass
class Running:
    pid: int
    port: int
    log: pathlib.Path
    ready_s: float = 0  # from its start to its listening
    peak_bytes: int = 0  # of anonymous memory, meanwhile


class Broker:
    """A broker on a port of its own; ends with the `with` block."""

    def __init__(self, name, command):
        self.name = name
        self.command = command

    @contextlib.contextmanager
    def running(self, extra_config=IN_MEMORY):
        with tempfile.TemporaryDirectory(prefix="nj-bench-") as folder:
            port = free_port()
            config = pathlib.Path(folder, "bench.conf")
            log = pathlib.Path(folder, "log")
            config.write_text(CONFIG.format(port=port) + extra_config)
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [*self.command, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out)
            try:
                yield self.wait_ready(process, port, log)
            finally:
                process.terminate()
                try:
                    process.wait(READY_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def wait_ready(self, process, port, log):
        begun = time.monotonic()
        peak = 0
        while time.monotonic() < begun + READY_S:
            if process.poll() is not None:
                raise CannotRun(f"{self.name} ended with {process.returncode}:\n{tail(log)}")
            peak = max(peak, anonymous_bytes(process.pid))
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return Running(process.pid, port, log, time.monotonic() - begun, peak)
            time.sleep(0.01)
        raise CannotRun(f"{self.name} does not listen on port {port}:\n{tail(log)}")


def anonymous_bytes(pid):
    """As it is now; 0 of a process that has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


def find(names):
    mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    known = {"mosquitto": [mosquitto], "nightjar": [NIGHTJAR, "broker"]}
    for name in names:
        if name not in known:
            raise CannotRun(f"no broker '{name}'; there are: {', '.join(known)}")
        if known[name][0] is None or not os.access(known[name][0], os.X_OK):
            raise CannotRun(f"{name} is not there: " + (
                "apt-get install mosquitto" if name == "mosquitto" else "run `./dev build`"))
    return [Broker(name, known[name]) for name in names]


class Load:
    """One run of `nightjar bench` against a broker that is there, under way."""

    def __init__(self, load, words, running):
        self.words, self.log = words, running.log
        self.process = subprocess.Popen(
            [str(load), "bench", *words, "--json", "--quiet", f"--port={running.port}",
             f"--pid={running.pid}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def found(self):
        """What it printed, read; waits for it."""
        try:
            out, err = self.process.communicate(timeout=RUN_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        if self.process.returncode not in (0, 1):
            raise CannotRun(f"{' '.join(self.words)}: {err.strip()}\n{tail(self.log)}")
        return json.loads(out)


def run_once(load, broker, words, extra_config=IN_MEMORY):
    """One run of `nightjar bench` against a fresh broker: what it printed, read."""
    with broker.running(extra_config) as running:
        return Load(load, words, running).found()


def faults_of(run):
    """What no run may show, in words."""
    found = [f"{run[f]} {f}" for f in FAULTS if run[f]]
    return found if run["complete"] else [*found, "did not come to an end"]


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release,
            "commit": commit, "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "command": " ".join(sys.argv), "config": CONFIG}


def raise_descriptors():
    """10,000 connections need as many descriptors, in the generator and in the broker."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
