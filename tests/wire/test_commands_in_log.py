# SPDX-License-Identifier: Apache-2.0
"""Commands that the broker's log advises can be typed as they stand, whatever stands in a path."""
import shlex
import shutil

import pytest

from support.broker import Broker, NotStarted
from support.certs import Authority

ODD = "the lab's; files"


def words_after(line, start):
    return shlex.split(line[line.index(start):])


def test_paths_in_commands_are_quoted(tmp_path):
    place = tmp_path / ODD
    place.mkdir()
    (place / "mosquitto.db").touch()
    for name in ("users", "log"):
        (place / name).touch(mode=0o644)
        (place / name).chmod(0o644)
    broker = Broker("nightjar", f"listener 0 {tmp_path}/a;b\nlistener {{port}} 127.0.0.1\nallow_anonymous true\n"
                    f"persistence true\npersistence_location {place}\n"
                    f"password_file {place}/users\nlog_dest stdout\nlog_dest file {place}/log\n")
    broker.start()
    try:
        for pattern, words in (("nightjar migrate run .*", ["nightjar", "migrate", "run", f"{place}/mosquitto.db", str(place)]),
                               ("chmod 0600 .*users.*", ["chmod", "0600", f"{place}/users"]),
                               ("chmod 0600 .*log.*", ["chmod", "0600", f"{place}/log"])):
            assert words_after(broker.log.wait(pattern).string, words[0] + " " + words[1]) == words
        assert words_after(broker.log.wait(" sub --unix .*").string, "--unix")[1] == f"{tmp_path}/a;b"
    finally:
        assert broker.stop() == 0


def test_a_directory_to_rehash_is_quoted(tmp_path):
    place = tmp_path / ODD
    place.mkdir()
    certs = Authority()
    certs.issue("broker")
    broker = Broker("nightjar", f"listener {{port}}\ncertfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\n"
                    f"capath {place}\n")
    with pytest.raises(NotStarted) as refused:
        broker.start()
    shutil.rmtree(certs.dir)
    line = next(line for line in refused.value.log.split("\n") if "openssl rehash" in line)
    assert words_after(line, "openssl rehash") == ["openssl", "rehash", str(place)]
