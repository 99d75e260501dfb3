# SPDX-License-Identifier: Apache-2.0
"""What `nightjar doctor --config` says about a configuration apart from its certificates."""
import json
import resource
import subprocess

import pytest

from support.broker import NIGHTJAR
from support.peer import TIMEOUT


def steps(folder, text, limit=None):
    """The steps of the report about a configuration, by name; `limit`: descriptors for the doctor."""
    (folder / "broker.conf").write_text(text)
    done = subprocess.run(
        [NIGHTJAR, "doctor", "--config", str(folder / "broker.conf"), "--files", "--json"], capture_output=True,
        stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False,
        preexec_fn=lambda: limit and resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert done.returncode in (0, 1), done.stderr.decode()
    return json.loads(done.stdout)["steps"]


def names(report):
    return {f["name"] for step in report for f in step["findings"]}


OPEN = "listener 18830 127.0.0.1\nallow_anonymous true\n"


@pytest.mark.parametrize("line, is_too_much", (
    ("global_max_connections 256", True), ("max_connections 256", True), ("max_connections 200", False), ("", False)))
def test_more_connections_than_descriptors_are_warned_of(tmp_path, line, is_too_much):
    assert ("few_descriptors" in names(steps(tmp_path, f"{OPEN}{line}\n", limit=256))) == is_too_much


def test_connections_of_listeners_count_together_up_to_the_global_limit(tmp_path):
    two = "max_connections 200\nlistener 18831 127.0.0.1\nmax_connections 200\n"
    assert "few_descriptors" in names(steps(tmp_path, OPEN + two, limit=256))
    assert "few_descriptors" not in names(steps(tmp_path, f"{OPEN}{two}global_max_connections 200\n", limit=256))


@pytest.mark.parametrize("limit, is_too_much", ((10**15, True), (10**8, False), (0, False)))
def test_more_memory_than_the_machine_has_is_warned_of(tmp_path, limit, is_too_much):
    assert ("memory_limit_too_large" in names(steps(tmp_path, f"{OPEN}memory_limit {limit}\n"))) == is_too_much


def test_included_files_are_judged_as_the_broker_reads_them(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.conf").write_text("listener 18832\n")
    (tmp_path / "more" / "a.conf").write_text("listener 18831 127.0.0.1\n")
    (tmp_path / "more" / "c.other").write_text("listener 18833\n")
    report = steps(tmp_path, f"{OPEN}include_dir {tmp_path}/more\n")
    assert [s["tried"] for s in report if s["step"] == "listener"] == [
        "port 18830 of 127.0.0.1", "port 18831 of 127.0.0.1", "port 18832"]
    assert "open_to_all" in {f["name"] for f in report[-1]["findings"]}


@pytest.mark.parametrize("text, level", (
    ("listener 18830\nallow_anonymous true\n", "open: no protection"),
    ("listener 18830\nallow_anonymous false\n", "password, readable on the network"),
    ("listener 18830\npsk_hint h\nallow_anonymous false\n", "TLS + password")))
def test_each_listener_is_given_its_level(tmp_path, text, level):
    assert [s["came"] for s in steps(tmp_path, text) if s["step"] == "listener"] == [level]
