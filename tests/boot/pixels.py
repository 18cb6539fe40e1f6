# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads PNG and PPM pictures (8 bits per colour) and compares them."""

import pathlib
import struct
import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # PNG 1.2, 11.2.2: colour type


class Picture:
    """width, height, and rows of (r, g, b) bytes."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def pixel(self, x, y):
        """One pixel as (r, g, b)."""
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def colours(self):
        """How many different colours there are."""
        return len({row[i:i + 3] for row in self.rows for i in range(0, len(row), 3)})


def _paeth(left, up, corner):
    guess = left + up - corner
    distance = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return (left, up, corner)[distance.index(min(distance))]


def _unfilter(kind, line, above, step):
    out = bytearray(line)
    for i, value in enumerate(line):
        left = out[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        add = (0, left, above[i], (left + above[i]) // 2, 0)[kind] if kind < 4 else \
            _paeth(left, above[i], corner)
        out[i] = (value + add) & 255
    return out


def png_read(path):
    """Decodes a PNG file without interlace or palette."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == PNG_SIGNATURE, f"{path} is no PNG file"
    position, packed, head = 8, b"", None
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position:position + 8])
        body = data[position + 8:position + 8 + length]
        position += 12 + length
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
    width, height, depth, colour, _, _, interlace = head
    assert depth == 8 and colour in CHANNELS and not interlace, f"{path}: unsupported PNG {head}"
    step = CHANNELS[colour]
    raw = zlib.decompress(packed)
    stride = width * step
    rows, above = [], bytes(stride)
    for y in range(height):
        line = raw[y * (stride + 1):(y + 1) * (stride + 1)]
        above = line[1:] if line[0] == 0 else _unfilter(line[0], line[1:], above, step)
        row = bytearray(3 * width)
        for channel in range(3):
            row[channel::3] = above[channel if step > 2 else 0::step]
        rows.append(bytes(row))
    return Picture(width, height, rows)


def ppm_read(path):
    """Decodes a binary PPM file (P6)."""
    fields, data = [], pathlib.Path(path).read_bytes()
    position = 0
    while len(fields) < 4:
        while data[position:position + 1].isspace():
            position += 1
        if data[position:position + 1] == b"#":
            position = data.index(b"\n", position)
            continue
        end = position
        while not data[end:end + 1].isspace():
            end += 1
        fields.append(data[position:end])
        position = end
    assert fields[0] == b"P6" and fields[3] == b"255", f"{path}: {fields}"
    width, height, body = int(fields[1]), int(fields[2]), data[position + 1:]
    stride = 3 * width
    return Picture(width, height, [body[y * stride:(y + 1) * stride] for y in range(height)])


def differences(a, b, masked=()):
    """Pixels (x, y) in which two pictures of one size differ, outside `masked` (x, y, w, h)."""
    assert (a.width, a.height) == (b.width, b.height), \
        f"sizes {a.width}x{a.height} and {b.width}x{b.height}"
    found = []
    for y, (left, right) in enumerate(zip(a.rows, b.rows)):
        if left == right:
            continue
        for x in range(a.width):
            if left[3 * x:3 * x + 3] != right[3 * x:3 * x + 3] and not any(
                    mx <= x < mx + mw and my <= y < my + mh for mx, my, mw, mh in masked):
                found.append((x, y))
    return found
