# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the files of the project, and C text without comments and literals."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent

_C_NOISE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.X | re.S)


def files(*patterns):
    """Paths below ROOT that git tracks or would track, sorted."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns], cwd=ROOT, text=True)
    return sorted(p for p in set(listed.split("\0")) if p and os.path.isfile(ROOT / p))


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def code(path):
    """The C file with comments and literals blanked, line numbers kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return _C_NOISE.sub(blank, text(path))


def report(findings):
    """Print the findings; the exit code of a check."""
    for finding in findings:
        print(finding)
    return 1 if findings else 0
