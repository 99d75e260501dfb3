# SPDX-License-Identifier: Apache-2.0
"""The course's first and last command as they are printed (../shared/seeds/000), port, directory and password included, against
what init wrote. A host of the lab is where they can be: its port 1883 and its /etc/ssl/certs are nobody else's."""
import os
import pathlib
import shutil
import subprocess

import pytest

from support.broker import NIGHTJAR
from support.hosts import BROKER
from support.setup import Setup
from support.tool import MOSQUITTO_TOOLS, NIGHTJAR_TOOLS, run

each_tool = pytest.mark.parametrize("tools", (MOSQUITTO_TOOLS, NIGHTJAR_TOOLS), ids=lambda tools: tools.name)
HELLO = ["-t", "test", "-m", "hello"]


def as_system_store(folder):
    """Words that run a command where `folder` is /etc/ssl/certs."""
    return ["unshare", "-m", "bash", "-c", f'mount --bind {folder} /etc/ssl/certs && exec "$@"', "course"]


def is_received(broker, mark):
    broker.log.wait(r"Received PUBLISH from .*'test', \.\.\. \(5 bytes\)", mark)


@each_tool
def test_the_first_command(hosts, place, tools):
    setup = Setup("open", place / "home", "--port", 1883, inside=hosts.broker)
    with setup.broker(inside=hosts.broker) as broker:
        mark = broker.log.mark
        # At this level it is on the loopback alone, so hostname is the broker's own.
        assert run([*hosts.broker, *tools.command("pub"), "-h", "localhost", *HELLO]) == (0, b"", b"")
        is_received(broker, mark)


@each_tool
def test_the_last_command(hosts, place, tools):
    setup = Setup("tls", place / "home", "--user", "ciel", "--host", BROKER, "--port", 8883, inside=hosts.broker)
    passwd = [NIGHTJAR, "passwd", "-b", setup / "users", "ciel", "motDePasse"]
    assert run(passwd)[0] == 0
    store = pathlib.Path(place / "store")
    os.mkdir(store)
    shutil.copy(setup.client("ca.crt"), store / "nightjar.pem")
    subprocess.run(["openssl", "rehash", store], check=True, timeout=60)
    words = [*tools.command("pub"), "-h", BROKER, "-p", "8883", "--capath", "/etc/ssl/certs/", "-u", "ciel",
             "-P", "motDePasse", *HELLO]
    with setup.broker(inside=hosts.broker) as broker:
        mark = broker.log.mark
        assert run([*hosts.client, *as_system_store(store), *words]) == (0, b"", b"")
        is_received(broker, mark)
        os.unlink(store / "nightjar.pem")
        assert run([*hosts.client, *as_system_store(store), *words])[0] != 0
