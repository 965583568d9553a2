#!/usr/bin/env python3
"""Draws the icons of icon.svg as PNG, for phones that take no SVG: run beside it, with nothing but Python."""
import struct
import zlib
from pathlib import Path

GROUND, MARK, EMPTY = (0x1D, 0x4F, 0x91, 255), (255, 255, 255, 255), (0, 0, 0, 0)
SAMPLES = 4


def from_line(x, y, ax, ay, bx, by):
    t = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)))
    return ((x - ax - t * (bx - ax)) ** 2 + (y - ay - t * (by - ay)) ** 2) ** 0.5


def colour(x, y, maskable):
    if maskable:  # The ground goes to the edge, and the mark stays within the part that no mask cuts.
        x, y = 32 + (x - 32) / 0.8, 32 + (y - 32) / 0.8
    elif (max(14 - x, x - 50, 0) ** 2 + max(14 - y, y - 50, 0) ** 2) ** 0.5 > 14:
        return EMPTY
    near = min(from_line(x, y, 17, 33, 27, 43), from_line(x, y, 27, 43, 47, 21))
    return MARK if near <= 3.5 else GROUND


def png(size, maskable):
    rows = bytearray()
    for row in range(size):
        rows.append(0)
        for column in range(size):
            sub = [
                colour((column + (i + 0.5) / SAMPLES) * 64 / size, (row + (j + 0.5) / SAMPLES) * 64 / size, maskable)
                for i in range(SAMPLES)
                for j in range(SAMPLES)
            ]
            alpha = sum(one[3] for one in sub)
            mixed = [sum(one[k] * one[3] for one in sub) // alpha if alpha else 0 for k in range(3)]
            rows += bytes([*mixed, alpha // len(sub)])

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    packed = zlib.compress(bytes(rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


if __name__ == "__main__":
    here = Path(__file__).parent
    for name, size, maskable in [("icon-192", 192, False), ("icon-512", 512, False), ("icon-maskable", 512, True)]:
        (here / f"{name}.png").write_bytes(png(size, maskable))
