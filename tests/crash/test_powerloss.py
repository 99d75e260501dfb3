# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""The shim proved: a program that syncs keeps its promise on every disk that a power cut can leave, one that does
not is found out, and so are a rename, a failed sync and a torn sector."""
import errno
import os
import random

import pytest

import powerloss
from powerloss import Disk, Proof, SECTOR, Write

pytestmark = pytest.mark.skipif(not os.path.exists(powerloss.built("lmdb_writer")),
                                reason="no lmdb_writer in this build: ./dev build, with liblmdb-dev")

LIVES = 12


def lives(tmp_path, mode, seed, most_steps=1500, count=LIVES):
    """What was found wrong in so many power cuts at random steps, each on what the last one left."""
    dice = random.Random(seed)
    proof = Proof(str(tmp_path), mode)
    doubtful = 0
    for life in range(count):
        said = proof.live(dice.randrange(20, most_steps))
        assert said.returncode == -9, said
        how, sectors = proof.cut(dice)
        doubtful += sectors
        wrong = proof.judge()
        if wrong:
            return f"life {life}, {how}: {wrong}", doubtful
    return None, doubtful


def test_lmdb_that_syncs_keeps_its_promise(tmp_path):
    wrong, doubtful = lives(tmp_path, "sync", 1)
    assert wrong is None
    assert doubtful > 0, "nothing was ever in doubt: the cuts have shown nothing"


def test_each_step_of_a_commit_may_be_the_last(tmp_path):
    """The second life commits again and again: eight commits, killed before and after each of their operations."""
    proof = Proof(str(tmp_path), "sync")
    proof.live(0, 700)
    dice = random.Random(2)
    for step in range(1, 60):
        assert proof.live(step, 70).returncode == -9
        proof.cut(dice)
        assert proof.judge() is None, f"step {step}"


@pytest.mark.parametrize("mode", ["nosync", "nometasync"])
def test_what_is_promised_without_a_sync_is_found_missing(tmp_path, mode):
    wrong, _ = lives(tmp_path, mode, 3)
    assert wrong is not None


def test_what_is_written_through_a_map_is_seen_at_its_msync(tmp_path):
    wrong, doubtful = lives(tmp_path, "writemap", 4, most_steps=200)
    assert wrong is None
    assert doubtful > 0


def test_a_sync_that_failed_is_not_mended_by_the_next(tmp_path):
    journal = Journal(tmp_path)
    journal.write("f", 0, b"a" * SECTOR).sync("f", 1, fails=True)
    journal.write("f", SECTOR, b"b" * SECTOR).sync("f", 2)
    outcomes = journal.outcomes()
    assert outcomes == {b"\0" * SECTOR + b"b" * SECTOR, b"a" * SECTOR + b"b" * SECTOR}


def test_what_was_written_again_after_a_failed_sync_is_safe(tmp_path):
    journal = Journal(tmp_path)
    journal.write("f", 0, b"a" * SECTOR).sync("f", 1, fails=True)
    journal.write("f", 0, b"a" * SECTOR).sync("f", 2)
    assert journal.outcomes() == {b"a" * SECTOR}


def test_sectors_tear_apart_and_never_within(tmp_path):
    journal = Journal(tmp_path)
    journal.write("f", 0, b"a" * 2 * SECTOR).sync("f", 1).write("f", 0, b"b" * 2 * SECTOR)
    assert journal.outcomes() == {x * SECTOR + y * SECTOR for x in (b"a", b"b") for y in (b"a", b"b")}


def test_a_write_that_came_while_the_sync_ran_is_not_safe(tmp_path):
    journal = Journal(tmp_path)
    journal.write("f", 0, b"a" * SECTOR).add("B", "f", 1).write("f", 0, b"b" * SECTOR).add("E", "f", 1)
    assert journal.outcomes() == {b"a" * SECTOR, b"b" * SECTOR}


def test_a_write_to_a_synced_descriptor_says_nothing_of_those_before(tmp_path):
    journal = Journal(tmp_path)
    journal.write("f", SECTOR, b"a" * SECTOR).write("f", 0, b"m" * SECTOR).add("V", "f", 0)
    assert journal.outcomes() == {b"m" * SECTOR, b"m" * SECTOR + b"a" * SECTOR}


@pytest.mark.parametrize("is_synced", [False, True])
def test_a_file_renamed_is_the_new_one_for_sure_once_its_directory_is_synced(tmp_path, is_synced):
    journal = Journal(tmp_path)
    journal.write("f", 0, b"old").sync("f", 1).write("f.new", 0, b"new").sync("f.new", 2)
    journal.add("R", "f.new", 0, b"f")
    if is_synced:
        journal.add("D", "", 3).add("E", "", 3)
    assert journal.outcomes() == ({b"new"} if is_synced else {b"old", b"new"})


def test_a_file_renamed_before_it_is_synced_may_be_empty(tmp_path):
    journal = Journal(tmp_path)
    journal.write("f", 0, b"old").sync("f", 1).write("f.new", 0, b"new").add("R", "f.new", 0, b"f")
    journal.add("D", "", 3).add("E", "", 3)
    assert journal.outcomes() == {b"", b"new"}


@pytest.mark.parametrize("fault,number", [("write", errno.ENOSPC), ("sync", errno.EIO), ("short", 0)])
def test_faults_reach_the_program(tmp_path, fault, number):
    """LMDB says what the shim was told to say, and what was promised before is there."""
    proof = Proof(str(tmp_path), "sync")
    proof.live(0, 700)
    proof.control.fail(fault, number, after=30)
    said = proof.live(0, 7000)
    assert said.returncode == 2 and os.strerror(number or errno.EIO) in said.stdout
    assert proof.promised > 700
    proof.control.heal()
    for seed in range(10):
        proof.live(0, 7)
        proof.cut(random.Random(seed))
        assert proof.judge() is None


class Journal:
    """One written by hand."""

    def __init__(self, work):
        self.path, self.out = os.path.join(work, "journal"), os.path.join(work, "out")
        os.mkdir(self.out)
        self.when = 0

    def add(self, kind, name, at=0, data=b""):
        self.when += 1
        with open(self.path, "ab") as f:
            f.write(powerloss.HEAD.pack(powerloss.MAGIC, ord(kind), self.when, at, len(name), len(data)))
            f.write(name.encode() + data)
        return self

    def write(self, name, at, data):
        return self.add("W", name, at, data)

    def sync(self, name, number, fails=False):
        return self.add("B", name, number).add("F" if fails else "E", name, number)

    def outcomes(self):
        """What 200 cuts make of the file f."""
        found = set()
        for seed in range(200):
            Disk().replay(self.path).cut(random.Random(seed), self.out)
            with open(os.path.join(self.out, "f"), "rb") as f:
                found.add(f.read())
        return found


def test_a_write_is_applied_where_it_was_made():
    data = bytearray(b"abc")
    Write(5, b"xy").apply(data)
    assert data == b"abc\0\0xy"
