# SPDX-License-Identifier: Apache-2.0
"""Other people's programs, and ours, as a user runs them: output and exit code, or a live child."""
import os
import shutil
import subprocess
import tempfile
import time

from .broker import NIGHTJAR, Log
from .peer import TIMEOUT


class Tools:
    """One set of client programs. `words[program]` are those a command line begins with."""

    def __init__(self, name, words):
        self.name, self.words = name, words

    def command(self, program):
        return list(self.words[program])

    @property
    def missing(self):
        return next((w[0] for w in self.words.values() if not shutil.which(w[0])), None)


PROGRAMS = ("pub", "sub", "rr")

MOSQUITTO_TOOLS = Tools("mosquitto", {p: [f"/usr/bin/mosquitto_{p}"] for p in PROGRAMS})
NIGHTJAR_TOOLS = Tools("nightjar", {p: [NIGHTJAR, p] for p in PROGRAMS})


def linked_tools(directory):
    """nightjar under the names of Mosquitto's programs: symlinks, as `install` makes them."""
    words = {}
    for p in PROGRAMS:
        link = os.path.join(directory, f"mosquitto_{p}")
        if not os.path.islink(link):
            os.symlink(NIGHTJAR, link)
        words[p] = [link]
    return Tools("links", words)


def environment():
    """A user without option files, in a fixed time zone and locale; a broker that is not told where its state is to
    lie does not start."""
    return {"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), "TZ": "UTC", "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": "/nonexistent", "XDG_STATE_HOME": "/dev/null",
            **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}


def run(command, stdin=None, timeout=TIMEOUT * 3, env=None):
    """A program to its end: (exit code, stdout, stderr)."""
    done = subprocess.run(command, input=stdin if stdin is not None else b"", timeout=timeout,
                          capture_output=True, env={**environment(), **(env or {})}, check=False)
    return done.returncode, done.stdout, done.stderr


WAITS = {"7", "23", "232", "270", "271", "281"}  # poll, select, epoll_wait, pselect6, ppoll, epoll_pwait


def terminate(process):
    """SIGTERM, once the program waits for news: mosquitto_sub 2.0 takes locks in its signal handler, and where
    it was at work it may wait there for ever."""
    deadline = time.monotonic() + TIMEOUT
    while process.poll() is None and not is_waiting(process.pid) and time.monotonic() < deadline:
        time.sleep(0.001)  # there is no event to wait for
    process.terminate()


def is_waiting(pid):
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
            return f.read().split()[0] in WAITS
    except OSError:
        return True  # it has ended, or we may not know


class Running:
    """A program that goes on by itself: its output is read as it comes, it is ended by its pid."""

    def __init__(self, command, env=None, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**environment(), **(env or {})})
        self.out = Log(self.process.stdout)
        self.err = Log(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def wait(self, timeout=TIMEOUT * 3):
        code = self.process.wait(timeout)
        self.out.to_the_end()
        self.err.to_the_end()
        return code

    def end(self):
        terminate(self.process)
        try:
            return self.wait()
        finally:
            self.process.kill()
