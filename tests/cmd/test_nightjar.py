# SPDX-License-Identifier: Apache-2.0
"""One binary: which command a word or a name means, and how it says that there is none."""
import re
import subprocess

import pytest

from support.broker import NIGHTJAR
from support.peer import TIMEOUT

GOOD, COULD_NOT = 0, 2


def nightjar(*words, called=NIGHTJAR):
    return subprocess.run([called, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=TIMEOUT, check=False)


def test_help_lists_what_is_and_names_what_is_not_yet():
    done = nightjar("help")
    is_now, later = done.stdout.split("Not yet:")
    assert done.returncode == GOOD
    assert re.search(r"^  version +\w", is_now, re.M)
    assert re.search(r"^  acl +\w", later, re.M)
    assert nightjar("--help").stdout == done.stdout == nightjar("-h").stdout


def test_without_a_word_the_help_is_shown_and_nothing_is_done():
    done = nightjar()
    assert done.returncode == COULD_NOT
    assert done.stdout == nightjar("help").stdout


def test_version_names_version_commit_and_libraries():
    done = nightjar("version")
    assert done.returncode == GOOD
    assert re.match(r"nightjar \d+\.\d+\.\d+ \(commit \w+", done.stdout)
    assert "liburcu" in done.stdout
    assert re.search(r"^running with OpenSSL 3\.", done.stdout, re.M)
    assert nightjar("--version").stdout == done.stdout


@pytest.mark.parametrize("wrong, meant", [("brker", "broker"), ("pbu", "pub"), ("mosquitto_pubb", "mosquitto_pub"),
                                          ("docter", "doctor")])
def test_a_wrong_word_is_answered_with_the_nearest(wrong, meant):
    done = nightjar(wrong)
    assert done.returncode == COULD_NOT
    assert f"did you mean '{meant}'?" in done.stderr
    assert done.stdout == ""


def test_a_word_near_to_nothing_is_answered_without_a_guess():
    done = nightjar("xylophone")
    assert done.returncode == COULD_NOT
    assert "there is no command 'xylophone'." in done.stderr
    assert "did you mean" not in done.stderr


def test_a_command_to_come_says_so():
    for words in ["acl"], ["mosquitto_ctrl"], ["acl", "--help"]:
        done = nightjar(*words)
        assert done.returncode == COULD_NOT
        assert "not available yet" in done.stderr
    assert "Not available yet" in nightjar("help", "acl").stdout


def test_under_the_name_of_a_program_of_mosquitto_it_is_that_program(tmp_path):
    link = tmp_path / "mosquitto_passwd"
    link.symlink_to(NIGHTJAR)
    done = nightjar("-c", "-b", "-", "user", "secret", called=str(link))
    assert done.returncode == GOOD
    assert done.stdout.startswith("user:$7$1000$")


def test_under_any_other_name_it_is_nightjar(tmp_path):
    link = tmp_path / "nightjar-0.1"
    link.symlink_to(NIGHTJAR)
    assert nightjar("version", called=str(link)).stdout == nightjar("version").stdout
