# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""nightjar as the broker of every set-up of the table: its log names the mistake, for certain where it refuses or where
its own files show it, else among the causes that it lists; set-ups that work bring no complaint."""
import os
import re

import pytest

import rows
from support.broker import Broker, NotStarted
from support.tool import MOSQUITTO_TOOLS, NIGHTJAR_TOOLS, run
from told import is_told

# The client stops before it connects: there is nothing for a broker to see.
UNSEEN = {"01f", "03e", "06b", "09", "09e"}
# Mosquitto's client connects, and stops then; ours does not even connect.
GIVEN_UP = {"03f", "03g", "03h", "08", "08c", "11b", "11d", "15"}
# Ours takes no version older than 1.2, and no directory that is not hashed.
MOSQUITTO_ALONE = {"12e", "14", "14d"}
# Mosquitto's clients take an address as text in a certificate; OpenSSL, which checks names in ours, does not.
HOST_AS_TEXT = {"01e", "02c", "10"}
# What comes before and after TLS has words of its own.
OTHER_WORDS = {"13b": "appears to be using TLS to connect to a non-TLS listener",
               "19": "refused: no user name in the client certificate",
               "20b": "refused: no user name, and anonymous clients are not allowed"}
# As the broker sees it: the directory that is not there and the one without links are the same to it.
SEEN_AS = {"capath_missing": "capath_unhashed"}
# What our client finds first, the name, is what it refuses for.
OURS = {"03b": {"host_address"}}

# The client refuses, and the broker need not guess what for.
SHOWN_BY_OWN_FILES = {"01", "10e"}

SCAN = "TLS handshake with .* failed: the client ended the connection before it sent anything"


@pytest.fixture
def start(lab):
    started = []

    def go(number):
        setup = rows.ROWS[number].make(lab)
        if setup.broker_user == "nobody":
            setup.broker_user = "mosquitto"
        broker = Broker("nightjar", setup.config(), env=setup.broker_env)
        started.append(broker)
        broker.start()
        broker.log.wait(SCAN if setup.tls else "disconnected")     # who looked whether it listens
        return setup, broker

    yield go
    for broker in started:
        broker.stop()


def publish(setup, broker, tools):
    command = tools.command("pub") + ["-h", setup.host, "-p", str(broker.port), "-t", "t", "-m", "x"]
    if setup.port_is_8883:                       # that port stands for the system's CAs
        command += ["--tls-use-os-certs"]
    return run(command + setup.client_args(), env=setup.client_env)[0]


def names(number, tools):
    row = rows.ROWS[number]
    if tools is NIGHTJAR_TOOLS and number in HOST_AS_TEXT:
        return {"host_address"}
    if tools is NIGHTJAR_TOOLS and number in OURS:
        return OURS[number]
    return {SEEN_AS.get(name, name) for name in row.faults | row.live}


@pytest.mark.parametrize("number", sorted(set(rows.ROWS) - UNSEEN))
def test_broker_names_the_mistake(start, number):
    if rows.ROWS[number].make is rows.ROWS["09b"].make and os.getuid() != 0:
        pytest.skip("needs root to become another user")
    try:
        setup, broker = start(number)
    except NotStarted as e:
        wanted = names(number, MOSQUITTO_TOOLS) or {"file_unreadable"}      # 09c: of root, and it is root no more
        assert any(is_told(name, e.log) for name in wanted), e.log
        return
    for tools in (MOSQUITTO_TOOLS,) if number in GIVEN_UP | MOSQUITTO_ALONE else (MOSQUITTO_TOOLS, NIGHTJAR_TOOLS):
        mark = broker.log.mark
        code = publish(setup, broker, tools)
        wanted = names(number, tools)
        if not wanted:
            assert code == 0
            broker.log.wait(r"Client \S+ \[.*\] disconnected", mark)
            assert not [line for line in broker.log.since(mark) if "failed" in line or "refused" in line]
        elif number in OTHER_WORDS:
            broker.log.wait(OTHER_WORDS[number], mark)
        elif number in GIVEN_UP:
            assert "could not read its own certificate, key or CA file, or they do not fit" in \
                broker.log.wait(SCAN + ".*", mark).string
        else:
            line = broker.log.wait("TLS handshake with .* failed: .*", mark).string
            assert any(is_told(name, line) for name in wanted), f"{wanted} is not in:\n{line}"
            assert re.search("[Tt]o mend (it|the first): ", line)
            assert ("our own files show why" in line) or number not in SHOWN_BY_OWN_FILES
