# SPDX-License-Identifier: Apache-2.0
"""Where `nightjar sniff` says otherwise than tshark 4.0.17, line by line, and why."""


def with_more(capture, line, row, more, reason):
    """A row of the list behind which more is told: a field of nightjar's own."""
    return {"capture": capture, "file": "summary.txt", "line": line, "tshark": row, "nightjar": f"{row} [{more}]", "reason": reason}


NO_CONNECT = "the CONNECT is not in the capture, and the packet is right in 3.1.1 and not in 5: the version is marked as inferred"
MIDSTREAM = "crafted_midstream_no_connect"
ALERT = "the likely cause of an alert is told"
NO_CHAIN = ("Likely cause: no chain from the certificate to a CA that is trusted; often the certificate has the name of its CA, or --cafile is "
            "that of another")

DIFFERENCES = [
    {
        "capture": "crafted_overlap", "file": "summary.txt", "line": 10,
        "tshark": "   10   0.008999 192.168.56.101 \u2192 192.168.56.102 TCP 54 [TCP ACKed unseen segment] 1883 \u2192 41010 [ACK] "
                  "Seq=5 Ack=82 Win=8192 Len=0",
        "nightjar": "   10   0.008999 192.168.56.101 \u2192 192.168.56.102 TCP 54 1883 \u2192 41010 [ACK] Seq=5 Ack=82 Win=8192 Len=0",
        "reason": "all bytes before number 82 were seen, in frames 8 and 9; that they overlap makes none of them unseen",
    },
    with_more(MIDSTREAM, 1, "    1   0.000000 192.168.56.102 \u2192 192.168.56.101 MQTT 81 Publish Message [ciel/milieu]",
              "Version inferred: MQTT v3.1.1 (4)", NO_CONNECT),
    with_more(MIDSTREAM, 3, "    3   0.002000 192.168.56.102 \u2192 192.168.56.101 MQTT 56 Ping Request",
              "Version inferred: MQTT v3.1.1 (4)", "inferred from the packet of frame 1"),
    with_more(MIDSTREAM, 5, "    5   0.004000 192.168.56.101 \u2192 192.168.56.102 MQTT 56 Ping Response",
              "Version inferred: MQTT v3.1.1 (4)", "inferred from the packet of frame 1"),
    with_more("malformed_v3", 144, "  144   0.003484    127.0.0.1 \u2192 127.0.0.1    MQTT 72 Publish Message [a]",
              "Version inferred: MQTT v3.1.1 (4)", NO_CONNECT),
    with_more("plain_client_on_tls_port", 11,
              "   11   0.110871  127.0.0.101 \u2192 127.0.0.1    TLSv1.2 73 Alert (Level: Fatal, Description: Decode Error)",
              "Likely cause: what came is no TLS: a client without TLS options, it seems", ALERT),
    with_more("tls12_alert_hostname", 8,
              "    8   0.005775    127.0.0.1 \u2192 127.0.0.101  TLSv1.2 73 Alert (Level: Fatal, Description: Internal Error)",
              "Likely cause: the certificate is not for this host, as clients of Mosquitto say it; or, of a broker, the key of its CA is too small",
              ALERT),
    with_more("tls12_alert_no_client_cert", 9,
              "    9   0.004104  127.0.0.101 \u2192 127.0.0.1    TLSv1.2 73 Alert (Level: Fatal, Description: Handshake Failure)",
              "Likely cause: no cipher in common, or a certificate that is missing", ALERT),
    with_more("tls12_alert_unknown_ca_student", 8,
              "    8   0.005200    127.0.0.1 \u2192 127.0.0.101  TLSv1.2 73 Alert (Level: Fatal, Description: Unknown CA)", NO_CHAIN, ALERT),
    with_more("tls13_alert_unknown_ca_student", 8,
              "    8   0.004592    127.0.0.1 \u2192 127.0.0.101  TLSv1.3 73 Alert (Level: Fatal, Description: Unknown CA)", NO_CHAIN, ALERT),
]

# tshark does not look for MQTT in WebSocket, so that its files say nothing of it; what the same session says without WebSocket
# does. test_websocket.py compares with that, and the rows without MQTT with tshark's.
UNWRAPPED = {"websocket_mqttjs_v5": "websocket_mqttjs_v5_unwrapped"}


def length_of_bytes(value):
    """A variable byte integer of which tshark shows the bytes, as one number."""
    number = int(value)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return str(sum((byte & 0x7F) << 7 * place for place, byte in enumerate(raw)))


# Fields of random traffic (test_differential.py): what tshark's value is put right with. Besides, it has one table of topic aliases for
# both directions (test_an_alias_belongs_to_one_direction), and where a string has a NUL with something behind it, tshark says so
# (_ws.expert.message) only when no byte before was replaced by U+FFFD: it compares the lengths.
FIELD_DIFFERENCES = [
    {
        "field": "mqtt.property_len", "right": length_of_bytes,
        "reason": "above 127 tshark shows the bytes of the length, read as one number, instead of the length: 33537 (0x8301) for 131",
    },
]


def lets_endless_block(ours, theirs):
    """A block of properties whose length does not end within four bytes, which the standard forbids: to us it is none, and the packet
    malformed; tshark takes four of the bytes, and what it finds then is not there."""
    return (ours, theirs) == ("", "1")
