# SPDX-License-Identifier: Apache-2.0
"""A few rounds of tests/crash/run, and what they found."""
import os
import re
import subprocess
import sys

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")


def run(count, *options, seed=1):
    """Exit code, what it said, and how many faults it found."""
    done = subprocess.run([sys.executable, RUN, str(count), "--seed", str(seed), *options], capture_output=True,
                          text=True, timeout=400, check=False)
    said = done.stdout + done.stderr
    last = re.fullmatch(rf"{count} rounds \(\w+, \w+\), (\d+) messages, \d+ lost, \d+ doubled at QoS 2, (\d+) faults, "
                        rf"seed {seed}", done.stdout.splitlines()[-1] if done.stdout else "")
    assert last, said
    assert int(last[1]) > 0
    return done.returncode, said, int(last[2])


def hold(*args, **kw):
    """No fault; what was said."""
    code, said, _ = run(*args, **kw)
    assert code == 0, said
    return said
