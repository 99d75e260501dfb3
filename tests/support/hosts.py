# SPDX-License-Identifier: Apache-2.0
"""The lab's two hosts: two network namespaces and the cable between them."""
import os
import subprocess

BROKER, CLIENT = "192.168.56.101", "192.168.56.102"  # the lab's network


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30, check=False)
    return None if done.returncode == 0 else f"ip {' '.join(words)}: {done.stderr.strip()}"


class Hosts:
    """`broker` and `client`: the words that run a command on each; `wire`: the broker's end of the cable."""

    def __init__(self):
        self.names = {who: f"nj{who[0]}{os.getpid()}" for who in ("broker", "client")}
        self.broker, self.client = (["ip", "netns", "exec", name] for name in self.names.values())
        self.wire = "cable0"

    def lay(self):
        """None, or why it cannot be done."""
        b, c = self.names.values()
        steps = [("netns", "add", b), ("netns", "add", c),
                 ("link", "add", self.wire, "netns", b, "type", "veth", "peer", "name", self.wire, "netns", c)]
        for name, address in ((b, BROKER), (c, CLIENT)):
            steps += [("-n", name, "address", "add", f"{address}/24", "dev", self.wire),
                      ("-n", name, "link", "set", "lo", "up"), ("-n", name, "link", "set", self.wire, "up")]
        return next((fault for fault in (ip(*step) for step in steps) if fault), None)

    def remove(self):
        for name in self.names.values():
            ip("netns", "del", name)
