# SPDX-License-Identifier: Apache-2.0
"""A broker as a child process: nightjar, or Debian's mosquitto as a control.

The child gets a configuration of its own and a free port, is known to listen before start() returns
(its port is polled, no time is guessed), and is ended by its pid. What it writes is read by a
thread, so that a test can wait for a line instead of sleeping. That thread may be behind: who looks at
the log must first have waited for the last line that counts, or have asked for a mark().
"""
import collections
import contextlib
import itertools
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from . import mqtt, peer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
NIGHTJAR = os.path.abspath(os.environ.get("NIGHTJAR", os.path.join(ROOT, "nightjar")))
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
START_TIMEOUT = 3 * peer.TIMEOUT


class NotStarted(Exception):
    """The broker ended before it listened; `log` and `code` say why."""

    def __init__(self, code, log):
        super().__init__(f"exit code {code}:\n{log}")
        self.code, self.log = code, log


taken = collections.deque(maxlen=100)  # until a broker has had time to listen


def free_port():
    """A port nobody listens on now, outside the range that outgoing connections use; no other test that
    runs beside this one is given it."""
    while True:
        port = random.randrange(10240, 32000)
        try:
            ours = socket.socket(socket.AF_UNIX)
            ours.bind(f"\0nj-test-port-{port}")
            taken.append(ours)
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family, socket.SOCK_STREAM) as s:
                    s.bind((host, port))
            return port
        except OSError:
            continue


class Log:
    """Lines of a stream as they come. `mark` and `since` cut out what one step of a test caused."""

    def __init__(self, stream, at_once=True):
        self.lines = []
        self.ended = False
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        if at_once:
            self.thread.start()

    def read(self, stream):
        for line in stream:
            with self.news:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    @property
    def mark(self):
        with self.news:
            return len(self.lines)

    def to_the_end(self):
        """Wait until the stream has ended and all of it is here."""
        self.thread.join(peer.TIMEOUT)
        assert self.ended, "the stream goes on"

    def since(self, mark=0):
        """Lines after `mark`, without their time stamps."""
        with self.news:
            return [re.sub(r"^\d{9,}: ", "", line) for line in self.lines[mark:]]

    def wait(self, pattern, mark=0, timeout=peer.TIMEOUT):
        """The match of the first line since `mark` that holds `pattern`."""
        pattern = re.compile(pattern)
        deadline = time.monotonic() + timeout
        at = mark
        with self.news:
            while True:
                while at < len(self.lines):
                    found = pattern.search(self.lines[at])
                    if found:
                        return found
                    at += 1
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    tail = "\n".join(self.lines[mark:][-40:])
                    raise AssertionError(f"no line like {pattern.pattern!r} among:\n{tail}")
                self.news.wait(left)

    @property
    def text(self):
        with self.news:
            return "\n".join(self.lines)


class Broker:
    """`config` may use {port}, {port2}, {dir}; without one the broker runs in local-only mode on -p."""

    def __init__(self, kind, config=None, args=("-v",), env=None, nofile=None, read_output=True, preexec=None):
        self.kind = kind
        self.dir = tempfile.mkdtemp(prefix="nj-test-")
        os.chmod(self.dir, 0o755)
        self.config, self.args, self.env, self.nofile = config, list(args), env, nofile
        self.read_output, self.preexec = read_output, preexec
        self.process = None
        self.log = None
        self.exit_code = None
        self.marks = itertools.count(1)

    # ------------------------------------------------------------------------- life

    def start(self, wait=True):
        """Listen on free ports; tries others where somebody took one in between."""
        for _ in range(5):
            self.port, self.port2 = free_port(), free_port()
            self.spawn()
            try:
                if wait:
                    self.wait_listening()
                return self
            except NotStarted as e:
                if "Address already in use" not in e.log:
                    raise
        raise AssertionError("no free port found five times")

    def fill(self, text):
        return text.replace("{port}", str(self.port)).replace("{port2}", str(self.port2)) \
            .replace("{dir}", self.dir)

    @property
    def config_path(self):
        return os.path.join(self.dir, "broker.conf")

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(self.fill(text))
            if os.getuid() == 0 and "\nuser " not in text:
                f.write("\nuser root\n")  # sockets and logs lie in a directory of ours
            if self.kind == "nightjar" and "\nworkers " not in text:
                f.write("\nworkers 2\n")  # whatever this machine has: homes are not one

    def command(self):
        program = [NIGHTJAR, "broker"] if self.kind == "nightjar" else [MOSQUITTO]
        if self.config is None:
            return program + ["-p", str(self.port)] + self.args
        self.write_config(self.config)
        return program + ["-c", self.config_path] + [self.fill(a) for a in self.args]

    def spawn(self):
        prepare = self.preexec
        if self.nofile:
            def prepare():
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))
        self.process = subprocess.Popen(
            self.command(), cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "XDG_STATE_HOME": self.dir, **(self.env or {})},
            preexec_fn=prepare)
        self.log = Log(self.process.stdout, self.read_output)

    def drain(self):
        """Begin to read what was left unread so far."""
        self.log.thread.start()

    def wait_listening(self):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotStarted(self.wait(), self.log.text)
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    # Until the broker has closed its side too, its log lines may still be to come.
                    probe.shutdown(socket.SHUT_WR)
                    probe.settimeout(peer.TIMEOUT)
                    probe.recv(1)
                return
            except OSError:
                time.sleep(0.005)
        self.kill()
        raise AssertionError(f"not listening after {START_TIMEOUT} s:\n{self.log.text}")

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, timeout=START_TIMEOUT):
        """The exit code, once the process has ended by itself."""
        try:
            self.exit_code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end in {timeout} s:\n{self.log.text[-4000:]}") from None
        self.log.to_the_end()
        return self.exit_code

    def stop(self):
        """SIGTERM; returns the exit code. Sanitizers report through the log, so it is read here."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        for sign in ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:",
                     "assertion"):
            text = self.log.text
            assert sign not in text, text[max(text.index(sign) - 200, 0):][:12000]
        return code

    def kill(self):
        """Until its ports are free again: a child that looked at its store dies a moment later."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            if self.log.thread.ident:
                self.log.to_the_end()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    # ------------------------------------------------------------------------ talking

    def peer(self, version=4, host="127.0.0.1", port=None, **kw):
        return peer.Peer((host, port or self.port), version, explained=self.kind == "nightjar", **kw)

    def mark(self):
        """Where the log stands once it holds all that was done so far: it keeps the order of what caused what,
        so the lines of a client that comes now are behind. (Needs connection_messages.)"""
        before = self.log.mark
        with self.peer() as last:
            last.client_id = f"mark-{next(self.marks)}"
            last.send(mqtt.connect(last.client_id)).next()
            try:
                last.disconnect()
            except ConnectionError:
                pass  # it was refused
        self.disconnected(last.client_id, before)
        return self.log.mark

    def disconnected(self, client_id, mark=0):
        """Wait until the log says that this client is gone; the line is returned."""
        who = re.escape(client_id)
        return self.log.wait(
            rf"Client {who} (\[.*\] )?(disconnected|closed its connection|has exceeded timeout)",
            mark).string

    # --------------------------------------------------------------------- observing

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()


@contextlib.contextmanager
def during(request, broker):
    """A test that fails shows what the broker wrote in its time, and one that ends the broker fails."""
    request.node.brokers = getattr(request.node, "brokers", []) + [broker]
    request.node.log_mark = broker.log.mark
    yield
    assert broker.alive, "the broker ended during this test:\n" + broker.log.text[-4000:]
