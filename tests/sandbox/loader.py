# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests without a BIOS, composed here: ELF programs for `cleave run --loader`."""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "boot"))

BASE = 0x100000
BACKDOOR, DEBUGCON, DEBUG_EXIT = 0x5e0, 0xe9, 0x501
EXIT_VALUE = 16
EXIT_STATUS = EXIT_VALUE * 2 + 1


def elf(code):
    """A 32-bit ELF program that is loaded and started at BASE."""
    head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, 3, 1, BASE, 52, 0, 0,
                       52, 32, 1, 0, 0, 0)
    segment = struct.pack("<IIIIIIII", 1, 0x1000, BASE, BASE, len(code), len(code), 7, 0x1000)
    return (head + segment).ljust(0x1000, b"\0") + code


def halting():
    """A guest that does nothing at all."""
    return elf(b"\xfa\xf4\xeb\xfd")  # cli; hlt; jmp


def attacking(blob, first, length):
    """A guest that sends `blob` through the backdoor, then shows `length` bytes of it from `first`
    on the debug port, then ends with EXIT_STATUS."""
    at = BASE + 0x1000
    code = b"\xb8" + struct.pack("<I", at)                   # mov $at, %eax
    code += b"\x66\xba" + struct.pack("<H", BACKDOOR)        # mov $BACKDOOR, %dx
    code += b"\xef"                                          # out %eax, %dx
    code += b"\xbe" + struct.pack("<I", at + first)          # mov $first, %esi
    code += b"\xb9" + struct.pack("<I", length)              # mov $length, %ecx
    code += b"\x66\xba" + struct.pack("<H", DEBUGCON)        # mov $DEBUGCON, %dx
    code += b"\xac\xee\xe2\xfc"                              # 1: lodsb; out %al, %dx; loop 1b
    code += b"\x66\xba" + struct.pack("<H", DEBUG_EXIT)      # mov $DEBUG_EXIT, %dx
    code += b"\xb0" + bytes([EXIT_VALUE]) + b"\xee"          # mov $EXIT_VALUE, %al; out %al, %dx
    code += b"\xf4\xeb\xfd"                                  # 2: hlt; jmp 2b
    return elf(code.ljust(0x1000, b"\0") + blob)
