# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""What the check of instruction counts counts, and when it fails. In the place of valgrind stands a
script that hands out a profile of the test's own: ten messages each time."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

SHELL = "#!/bin/sh\n"
VALGRIND = SHELL + """\
[ "$1" != --version ] || exec echo valgrind-1
for word; do case $word in --callgrind-out-file=*) cp {profile} "${{word#*=}}" ;; esac; done
echo 10
"""
PROGRAM = SHELL + "# GCC: (of this test) 1.2.3\necho row\n"

# One function of ours: 700 of its own, 100 inlined from the C library's header, 200 in a call of it.
OURS = """\
ob=(1) {program}
fl=(1) ../../src/broker/delivery.c
fn=(1) nj_deliver
10 600
+1 100
fi=(2) /usr/include/bits/string_fortified.h
29 100
fe=(1)
12 0
cob=(2) /usr/lib/libc.so.6
cfi=(3) ./string/memmove.S
cfn=(2) {callee}
calls=10 1
* 200

ob=(2)
fl=(3)
fn=(2)
300 200
"""
# The world, what it calls, what is inlined from it, and the clients.
WORLD = """
ob=(1)
fl=(4) ../../src/io/sim.c
fn=(3) nj_sim_read
5 5000
cob=(2)
cfi=(3)
cfn=(2)
calls=1 1
* 7000

fl=(1)
fn=(4) nj_home_begin
fi=(4)
8 900

fl=(5) ../../bench/count/flow.c
fn=(5) settle
9 800
"""


class Tree:
    """A project with our script, a program to count, and a valgrind that makes its profiles up."""

    def __init__(self, root):
        self.root = root
        self.program = root / "build/release/bench/count"
        shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        self.plant("bin/valgrind", VALGRIND.format(profile=root / "profile"))
        self.plant("build/release/bench/count", PROGRAM)
        self.plant("bench/count/baseline", "")
        self.profile(OURS)

    def plant(self, path, content):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o755)

    def profile(self, text, callee="__memmove_sse2_unaligned"):
        self.plant("profile", text.format(program=self.program, callee=callee))

    def check(self, *args, ci=False, path=None):
        """(exit code, what it says)"""
        env = {"PATH": path or f"{self.root / 'bin'}:{os.environ['PATH']}"} | ({"CI": "true"} if ci else {})
        done = subprocess.run(["/usr/bin/python3", self.root / "scripts/check-counts", *args], env=env,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def set_baseline(self, value):
        file = self.root / "bench/count/baseline"
        assert self.check("--write")[0] == 0
        lines = [line for line in file.read_text().splitlines() if line.startswith("#")]
        file.write_text("\n".join(lines) + f"\nrow {value}\n")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_ours_with_what_is_inlined_and_called(tree):
    tree.set_baseline(100)
    assert tree.check()[1].splitlines()[1].split() == ["row", "100.0", "20.0", "100.0", "+0.0%"]


def test_the_world_and_the_clients_do_not_count(tree):
    tree.profile(OURS + WORLD)
    tree.set_baseline(100)
    assert tree.check()[1].splitlines()[1].split() == ["row", "100.0", "20.0", "100.0", "+0.0%"]


@pytest.mark.parametrize("baseline, code, words", [
    (95.3, 0, "1 passed, 0 failed"),
    (95.1, 1, "FAILED"),
    (105.2, 0, "100.0        20.0       105.2      -4.9%\n1 passed"),
    (105.4, 0, "less: move the baseline"),
])
def test_five_per_cent(tree, baseline, code, words):
    tree.set_baseline(baseline)
    status, said = tree.check()
    assert status == code
    assert " ".join(words.split()) in " ".join(said.split())


def test_a_row_without_baseline_fails(tree):
    tree.set_baseline(100)
    baseline = tree.root / "bench/count/baseline"
    baseline.write_text(baseline.read_text().replace("row ", "other "))
    status, said = tree.check()
    assert status == 1 and "has no baseline" in said


def test_other_tools_are_not_judged_but_fail_in_ci(tree):
    tree.set_baseline(50)
    tree.plant("build/release/bench/count", PROGRAM.replace("1.2.3", "4.5.6"))
    status, said = tree.check()
    assert status == 0 and "GCC 1.2.3" in said and "GCC 4.5.6" in said
    assert said.endswith("0 passed, 0 failed, not judged\n")
    assert tree.check(ci=True)[0] == 1


def test_without_valgrind_it_says_so_and_fails_in_ci(tree):
    nowhere = str(tree.root / "nowhere")
    status, said = tree.check(path=nowhere)
    assert status == 0 and "valgrind is not there" in said
    assert tree.check(path=nowhere, ci=True)[0] == 1


def test_a_routine_picked_for_this_processor_is_an_error(tree):
    tree.profile(OURS, callee="__memmove_avx_unaligned_erms")
    status, said = tree.check()
    assert status == 2 and "__memmove_avx_unaligned_erms" in said


def test_a_program_that_is_not_built_is_named(tree):
    tree.program.unlink()
    status, said = tree.check()
    assert status == 2 and "./dev count" in said
