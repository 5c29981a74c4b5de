"""The check digit at the end of ITF and EAN codes: weights 3 and 1 from the right, modulo 10.

Source: GS1 General Specifications, section 7.9.1.
"""

from __future__ import annotations


def is_right(digits: str) -> bool:
    """Whether the last of `digits` (ASCII) checks the others."""
    if not (digits.isascii() and digits.isdecimal()):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0
