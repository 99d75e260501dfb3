# SPDX-License-Identifier: Apache-2.0
"""What outlives a broker's process: a configuration that keeps it, the end and the next start, and
sessions that outlive their connections."""
from .mqtt import V5

CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
log_type all
persistence true
persistence_location {dir}/store
"""


def end(broker, how):
    broker.signal(how)
    broker.process.wait(60)
    broker.log.to_the_end()


def again(broker, how):
    """The process ends, and another one begins where it was."""
    end(broker, how)
    broker.spawn()
    broker.wait_listening()


def keep(peer, client_id, **kw):
    """A session that outlives its connection."""
    if peer.version == V5:
        kw["properties"] = {"session_expiry_interval": 1000, **kw.get("properties", {})}
    return peer.connect(client_id, clean=False, **kw)
