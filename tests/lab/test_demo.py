# SPDX-License-Identifier: Apache-2.0
"""`./dev demo LEVEL`, from its first command to what tshark has seen."""
import os
import re

import pytest

from support import wiretap
from support.broker import NIGHTJAR, ROOT
from support.setup import LEVELS
from support.tool import run

DEMO = os.path.join(ROOT, "scripts", "demo")


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_shown_from_the_set_up_to_the_capture(level):
    reason = wiretap.refused()
    if reason:
        pytest.skip(reason)
    code, out, err = run([DEMO, level], timeout=120, env={"NIGHTJAR": NIGHTJAR})
    text = out.decode()
    assert code == 0 and "the subscriber prints: test hello" in text, text + err.decode()
    seen = dict(re.findall(r"^  ([^\n:]+): +(.+)$", text[text.index("has seen:"):], re.M))
    password = re.search(r"^Password of client1: (\S+)$", text, re.M)
    is_open = level in ("open", "password")
    assert seen["user name and password"] == (f"client1 {password[1]}" if level == "password" else "nothing")
    assert seen["topic and message"] == ("test hello" if is_open else "nothing")
    assert seen["the broker's name, as a client calls it"] == ("nothing" if is_open else "localhost")
    assert seen["the word hello, anywhere in it"] == ("yes" if is_open else "no")


def test_another_level_is_refused_by_its_words():
    code, _, err = run([DEMO, "high"])
    assert code == 2 and b"open|password|tls|mtls" in err
