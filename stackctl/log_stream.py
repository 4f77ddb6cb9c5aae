"""What the Engine sends for the log of a container."""

from __future__ import annotations


def demultiplexed(raw: bytes) -> bytes:
    """The text of a log stream: frames of stdout and stderr where there is no terminal, else as it is."""
    text, at = bytearray(), 0
    while at < len(raw):
        head = raw[at : at + 8]
        if len(head) < 8 or head[0] > 2 or head[1:4] != b"\0\0\0":
            return bytes(text) + raw[at:]
        size = int.from_bytes(head[4:8], "big")
        text += raw[at + 8 : at + 8 + size]
        at += 8 + size
    return bytes(text)
