# SPDX-License-Identifier: Apache-2.0
"""What both sides of a WebSocket connection send: its upgrade and its frames."""
import struct

REQUEST = (b"GET /mqtt HTTP/1.1\r\nHost: broker:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
RESPONSE = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
UPGRADE = [(True, REQUEST), (False, RESPONSE)]
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload, is_client=True, is_final=True, rsv=0, key=b"\x12\x34\xab\xcd"):
    size = len(payload)
    head = bytes([(0x80 if is_final else 0) | rsv << 4 | opcode])
    mask = 0x80 if is_client else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", size)
    if not is_client:
        return head + payload
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))
