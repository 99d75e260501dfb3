# SPDX-License-Identifier: Apache-2.0
"""A set-up made by `nightjar init`, and the commands that it printed, run as they stand."""
import os
import re
import shutil
import subprocess
import tempfile

from .broker import NIGHTJAR, Log, free_port
from .peer import TIMEOUT
from .tool import Running, environment, run

LEVELS = ("open", "password", "tls", "mtls")
LOG_ALL = "log_type all\nlog_type debug\n"


def init(*words, inside=()):
    """(exit code, stdout, stderr) of nightjar init."""
    code, out, err = run([*inside, NIGHTJAR, "init", *map(str, words)], timeout=60)
    return code, out.decode(), err.decode()


class Place:
    """A folder that also the broker's account may enter, unlike pytest's own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="nj-init-")
        os.chmod(self.dir, 0o755)

    def __truediv__(self, name):
        return os.path.join(self.dir, name)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Setup:
    """`lines`: the printed commands in their order, broker, sub, pub; `theirs`: Mosquitto's in their place."""

    def __init__(self, level, folder, *words, inside=()):
        self.level, self.dir, self.inside = level, str(folder), list(inside)
        if "--port" not in words:
            words = (*words, "--port", free_port())
        self.read(init(self.dir, "--level", level, *words, inside=inside))

    def read(self, done):
        code, self.text, err = done
        assert (code, err) == (0, ""), self.text + err
        lines = [line.strip() for line in self.text.splitlines() if line.startswith("  ")]
        self.lines = [line for line in lines if line.startswith(NIGHTJAR)]
        self.theirs = [line for line in lines if line.startswith(("mosquitto -c", "XDG_CONFIG_HOME"))]
        assert len(self.lines) == 3 and len(self.theirs) == 3, self.text
        with open(self / "broker.conf", encoding="utf-8") as f:
            first = f.readline()
        facts = re.search(r"--level (\S+) --host (\S+) --port (\d+) --user (\S+)", first)
        self.level, self.host, self.port, self.user = facts[1], facts[2], int(facts[3]), facts[4]
        printed = re.search(r"^Password of \S+: (\S+)$", self.text, re.M)
        if printed:
            self.password = printed[1]

    def __truediv__(self, name):
        return os.path.join(self.dir, name)

    def upgrade(self, *words):
        self.read(init("--upgrade", self.dir, *words))

    def client(self, name=""):
        return os.path.join(self.dir, "clients", self.user, name)

    @property
    def options(self):
        """The words of the client's options file, as a command line has them."""
        with open(self.client("options"), encoding="utf-8") as f:
            return [word for line in f if not line.startswith("#") for word in line.rstrip("\n").split(" ", 1)]

    def of(self, tools):
        """The printed lines (sub, pub) of nightjar's or Mosquitto's programs."""
        return (self.lines if tools == "nightjar" else self.theirs)[1:]

    def broker(self, line=None, inside=()):
        return RunningBroker(self, line or self.lines[0], inside)


class RunningBroker:
    """The printed line that starts the broker, running; its log is made to say all, in the operator's own lines."""

    def __init__(self, setup, line, inside=(), env=None):
        self.setup = setup
        with open(setup / "broker.conf", "r+", encoding="utf-8") as f:
            if not f.read().endswith(LOG_ALL):
                f.write(LOG_ALL)
        self.process = subprocess.Popen([*inside, "bash", "-c", f"exec {line}"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**environment(), **(env or {})})
        self.log = Log(self.process.stdout)

    def __enter__(self):
        try:
            self.log.wait(r"version \S+ running$", timeout=TIMEOUT * 3)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()
        for sign in ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:"):
            assert sign not in self.log.text, self.log.text[-6000:]

    def end(self):
        self.process.terminate()
        self.process.wait(TIMEOUT * 3)
        self.log.thread.join(5)

    def exchange(self, sub, pub, topic="test", inside=()):
        """Both printed lines: what the subscriber shows, and how the publisher ended."""
        mark = self.log.mark
        with Running([*inside, "bash", "-c", f"exec env {sub}"]) as listening:
            self.log.wait("Sending SUBACK to ", mark)
            done = run([*inside, "bash", "-c", pub])
            assert done == (0, b"", b""), done[2].decode(errors="replace")
            return listening.out.wait(f"^{re.escape(topic)} ").string
