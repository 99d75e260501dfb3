# SPDX-License-Identifier: Apache-2.0
"""MQTT 3.1, 3.1.1 and 5.0 as bytes: builders for what a client sends, a parser for what a server sends.

The builders write whatever they are told, also what the standard forbids: a test needs both. The
parser is strict, so that every test checks the form of every packet the server sends: a property
twice or in the wrong packet, a non-minimal length, trailing bytes, all raise Malformed.
"""
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, \
    UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(1, 16)

NAMES = ("RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
         "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT",
         "AUTH")

V31, V311, V5 = 3, 4, 5
VERSIONS = (V31, V311, V5)

# Property identifiers: name, wire type, and the server's packets in which it may stand.
PROPERTIES = {
    0x01: ("payload_format_indicator", "u8", (PUBLISH,)),
    0x02: ("message_expiry_interval", "u32", (PUBLISH,)),
    0x03: ("content_type", "text", (PUBLISH,)),
    0x08: ("response_topic", "text", (PUBLISH,)),
    0x09: ("correlation_data", "data", (PUBLISH,)),
    0x0B: ("subscription_identifier", "varint", (PUBLISH,)),
    0x11: ("session_expiry_interval", "u32", (CONNACK,)),
    0x12: ("assigned_client_identifier", "text", (CONNACK,)),
    0x13: ("server_keep_alive", "u16", (CONNACK,)),
    0x15: ("authentication_method", "text", (CONNACK, AUTH)),
    0x16: ("authentication_data", "data", (CONNACK, AUTH)),
    0x17: ("request_problem_information", "u8", ()),
    0x18: ("will_delay_interval", "u32", ()),
    0x19: ("request_response_information", "u8", ()),
    0x1A: ("response_information", "text", (CONNACK,)),
    0x1C: ("server_reference", "text", (CONNACK, DISCONNECT)),
    0x1F: ("reason_string", "text", (CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK,
                                     DISCONNECT, AUTH)),
    0x21: ("receive_maximum", "u16", (CONNACK,)),
    0x22: ("topic_alias_maximum", "u16", (CONNACK,)),
    0x23: ("topic_alias", "u16", (PUBLISH,)),
    0x24: ("maximum_qos", "u8", (CONNACK,)),
    0x25: ("retain_available", "u8", (CONNACK,)),
    0x26: ("user_property", "pair", (CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK,
                                     UNSUBACK, DISCONNECT, AUTH)),
    0x27: ("maximum_packet_size", "u32", (CONNACK,)),
    0x28: ("wildcard_subscription_available", "u8", (CONNACK,)),
    0x29: ("subscription_identifier_available", "u8", (CONNACK,)),
    0x2A: ("shared_subscription_available", "u8", (CONNACK,)),
}
PROPERTY_IDS = {name: ident for ident, (name, _, _) in PROPERTIES.items()}
MAY_REPEAT = ("user_property", "subscription_identifier")


class Malformed(Exception):
    """The server sent something the standard does not allow."""


# ------------------------------------------------------------------------------ building

def varint(n):
    out = bytearray()
    while True:
        n, low = n >> 7, n & 0x7F
        out.append(low | (0x80 if n else 0))
        if not n:
            return bytes(out)


def raw(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def text(value):
    value = raw(value)
    return struct.pack("!H", len(value)) + value


def prop(name, value):
    """One property as bytes: identifier and value."""
    ident = PROPERTY_IDS[name]
    kind = PROPERTIES[ident][1]
    if kind == "u8":
        body = struct.pack("!B", value)
    elif kind == "u16":
        body = struct.pack("!H", value)
    elif kind == "u32":
        body = struct.pack("!I", value)
    elif kind == "varint":
        body = varint(value)
    elif kind == "pair":
        body = text(value[0]) + text(value[1])
    else:
        body = text(value)
    return bytes([ident]) + body


def props(items):
    """A property section, its length first. `items` is a dict or a list of pairs; bytes pass as they are."""
    if isinstance(items, bytes):
        body = items
    else:
        pairs = items.items() if isinstance(items, dict) else (items or ())
        body = b"".join(prop(name, value) for name, value in pairs)
    return varint(len(body)) + body


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connect(client_id="", version=V311, clean=True, keepalive=60, username=None, password=None,
            will=None, properties=None, flags=None, protocol=None, level=None):
    """`will` is a dict: topic, payload, qos, retain, properties. `flags` overrides the computed ones."""
    protocol = protocol if protocol is not None else ("MQIsdp" if version == V31 else "MQTT")
    bits = (0x02 if clean else 0) | (0x80 if username is not None else 0) \
        | (0x40 if password is not None else 0)
    if will:
        bits |= 0x04 | will.get("qos", 0) << 3 | (0x20 if will.get("retain") else 0)
    body = text(protocol) + bytes([version if level is None else level,
                                   bits if flags is None else flags])
    body += struct.pack("!H", keepalive)
    if version == V5:
        body += props(properties)
    body += text(client_id)
    if will:
        if version == V5:
            body += props(will.get("properties"))
        body += text(will["topic"]) + text(will.get("payload", b""))
    if username is not None:
        body += text(username)
    if password is not None:
        body += text(password)
    return packet(CONNECT, 0, body)


def publish(topic, payload=b"", qos=0, mid=None, retain=False, dup=False, version=V311,
            properties=None):
    body = text(topic)
    if qos:
        body += struct.pack("!H", 1 if mid is None else mid)
    if version == V5:
        body += props(properties)
    return packet(PUBLISH, dup << 3 | qos << 1 | retain, body + raw(payload))


def ack(kind, mid, code=None, properties=None):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; v5 with a code, and properties if given."""
    body = struct.pack("!H", mid)
    if code is not None or properties is not None:
        body += bytes([code or 0])
    if properties is not None:
        body += props(properties)
    return packet(kind, 2 if kind == PUBREL else 0, body)


def options(qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    return qos | no_local << 2 | retain_as_published << 3 | retain_handling << 4


def subscribe(mid, filters, version=V311, properties=None):
    """`filters`: a list of (filter, options byte)."""
    body = struct.pack("!H", mid)
    if version == V5:
        body += props(properties)
    return packet(SUBSCRIBE, 2, body + b"".join(text(f) + bytes([o]) for f, o in filters))


def unsubscribe(mid, filters, version=V311, properties=None):
    body = struct.pack("!H", mid)
    if version == V5:
        body += props(properties)
    return packet(UNSUBSCRIBE, 2, body + b"".join(text(f) for f in filters))


def disconnect(code=None, properties=None):
    body = b""
    if code is not None or properties is not None:
        body = bytes([code or 0])
    if properties is not None:
        body += props(properties)
    return packet(DISCONNECT, 0, body)


def auth(code=None, properties=None):
    body = b""
    if code is not None or properties is not None:
        body = bytes([code or 0]) + props(properties)
    return packet(AUTH, 0, body)


PINGREQ_BYTES = b"\xc0\x00"
PINGRESP_BYTES = b"\xd0\x00"

# ------------------------------------------------------------------------------- parsing


class Props(list):
    """(name, value) pairs in wire order."""

    def __contains__(self, name):
        return any(n == name for n, _ in self)

    def get(self, name, default=None):
        return next((v for n, v in self if n == name), default)

    def all(self, name):
        return [v for n, v in self if n == name]


class Packet:
    """A parsed packet. `kind` is its number; every other attribute depends on the kind."""

    def __init__(self, kind, data, **fields):
        self.kind = kind
        self.data = data
        self.props = Props()
        self.__dict__.update(fields)

    @property
    def name(self):
        return NAMES[self.kind]

    def __repr__(self):
        shown = {k: v for k, v in self.__dict__.items() if k not in ("kind", "data") and v != []}
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Malformed(f"{n} bytes wanted at {self.at} of {len(self.data)}")
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack("!H", self.take(2))[0]

    def u32(self):
        return struct.unpack("!I", self.take(4))[0]

    def varint(self):
        value = 0
        for i in range(4):
            byte = self.u8()
            value |= (byte & 0x7F) << 7 * i
            if not byte & 0x80:
                if i and not byte:
                    raise Malformed("variable byte integer is not minimal")
                return value
        raise Malformed("variable byte integer of more than four bytes")

    def bytes(self):
        return self.take(self.u16())

    def text(self):
        value = self.bytes().decode("utf-8")
        if "\0" in value:
            raise Malformed("U+0000 in a string")
        return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    @property
    def left(self):
        return len(self.data) - self.at

    def props(self, kind):
        section = Cursor(self.take(self.varint()))
        out = Props()
        while section.left:
            ident = section.varint()
            if ident not in PROPERTIES:
                raise Malformed(f"property 0x{ident:02x} does not exist")
            name, form, homes = PROPERTIES[ident]
            if kind not in homes:
                raise Malformed(f"{name} may not stand in {NAMES[kind]} from a server")
            if name in out and name not in MAY_REPEAT:
                raise Malformed(f"{name} twice")
            if form == "pair":
                value = (section.text(), section.text())
            elif form == "data":
                value = section.bytes()
            else:
                value = getattr(section, form)()
            out.append((name, value))
        return out


# Reason codes that a server may send in them. [MQTT5-3.2.2-8] [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1]
# [MQTT5-3.7.2-1] [MQTT5-3.9.3-2] [MQTT5-3.11.3-2] [MQTT5-3.14.2-1] [MQTT5-3.15.2-1]
CODES = {kind: bytes.fromhex(codes) for kind, codes in {
    CONNACK: "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f", PUBACK: "00 10 80 83 87 90 91 97 99",
    PUBREC: "00 10 80 83 87 90 91 97 99", PUBREL: "00 92", PUBCOMP: "00 92",
    SUBACK: "00 01 02 80 83 87 8f 91 97 9e a1 a2", UNSUBACK: "00 11 80 83 87 8f 91",
    DISCONNECT: "00 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2", AUTH: "00 18"}.items()}


def parse(data, version):
    """One whole packet of a server, fixed header included."""
    c = Cursor(data)
    first = c.u8()
    kind, flags = first >> 4, first & 0x0F
    if c.varint() != c.left:
        raise Malformed("remaining length does not fit")
    if kind != PUBLISH and flags != (2 if kind == PUBREL else 0):
        raise Malformed(f"flags {flags:#x} on {NAMES[kind]}")
    p = Packet(kind, data)
    if kind == CONNACK:
        bits, p.code = c.u8(), c.u8()
        if bits & 0xFE:
            raise Malformed("reserved CONNACK flags")
        p.session_present = bool(bits)
        if version == V5:
            p.props = c.props(kind)
    elif kind == PUBLISH:
        p.dup, p.qos, p.retain = bool(flags & 8), flags >> 1 & 3, bool(flags & 1)
        p.topic = c.text()
        p.mid = c.u16() if p.qos else None
        if p.qos == 3 or p.mid == 0 or (p.dup and not p.qos):
            raise Malformed("PUBLISH with QoS 3, identifier 0 or DUP at QoS 0")
        if version == V5:
            p.props = c.props(kind)
        p.payload = c.rest()
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        p.mid = c.u16()
        p.code = c.u8() if version == V5 and c.left else 0
        if version == V5 and c.left:
            p.props = c.props(kind)
    elif kind in (SUBACK, UNSUBACK):
        p.mid = c.u16()
        if version == V5:
            p.props = c.props(kind)
        p.codes = list(c.rest())
    elif kind in (DISCONNECT, AUTH) and version == V5:
        p.code = c.u8() if c.left else 0
        if c.left:
            p.props = c.props(kind)
    elif kind != PINGRESP:
        raise Malformed(f"{NAMES[kind]} from a server in version {version}")
    if c.left:
        raise Malformed(f"{c.left} bytes after {p!r}")
    if version == V5 and kind in CODES:
        for code in (p.codes if kind in (SUBACK, UNSUBACK) else [p.code]):
            if code not in CODES[kind]:
                raise Malformed(f"reason code {code:#x} in {p!r}")
    return p


def split(buffer):
    """Length of the first whole packet in `buffer`, or 0 where more bytes are needed."""
    length = 0
    for i in range(1, 5):
        if len(buffer) <= i:
            return 0
        length |= (buffer[i] & 0x7F) << 7 * (i - 1)
        if not buffer[i] & 0x80:
            total = 1 + i + length
            return total if len(buffer) >= total else 0
    raise Malformed("remaining length of more than four bytes")
