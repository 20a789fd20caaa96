"""Classes of characters, as bit masks: what the shape of a line is counted in, whatever its language."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CLASSES = (
    "space", "letter", "upper", "lower", "digit", "punct", "end", "comma", "quote", "colon", "sep", "sign", "cjk",
    "rtl", "other_script", "bullet", "bracket", "at", "copyright",
    "wide",
)  # fmt: skip
BIT = {name: 1 << i for i, name in enumerate(CLASSES)}


_BEYOND = 0x10000  # code points from here on are taken for emoji, but for the rarer ideographs
_IDEOGRAPHS = 0x20000


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """The number of each code point's signature, and the classes of each signature."""
    masks = class_table()
    beyond = (BIT["punct"] | BIT["sign"], BIT["letter"] | BIT["cjk"] | BIT["wide"])
    signatures, number = np.unique(np.append(masks, beyond), return_inverse=True)
    return number.astype(np.uint8), signatures.astype(np.uint32)


def signature_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The signature, a number below ``len(signature_classes())``, of each code point."""
    if len(codes) and codes.max() >= _BEYOND:
        codes = np.where(codes < _BEYOND, codes, _BEYOND + (codes >= _IDEOGRAPHS))
    return _tables()[0][codes]


def signature_classes() -> NDArray[np.uint32]:
    """The classes, as a bit mask, of the characters of each signature."""
    return _tables()[1]


@lru_cache(maxsize=1)
def class_table() -> NDArray[np.uint32]:
    """Bit mask of character classes for every code point of the Basic Multilingual Plane."""
    table = np.zeros(0x10000, np.uint32)
    for code in range(0x10000):
        char = chr(code)
        category = unicodedata.category(char)
        mask = 0
        if char.isspace():
            mask |= BIT["space"]
        if category[0] == "L":
            mask |= BIT["letter"]
            if category in ("Lu", "Lt"):
                mask |= BIT["upper"]
            elif category == "Ll":
                mask |= BIT["lower"]
            if 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF:
                mask |= BIT["cjk"] | BIT["wide"]
            elif 0xAC00 <= code <= 0xD7A3:
                mask |= BIT["other_script"] | BIT["wide"]
            elif 0x0590 <= code <= 0x08FF or 0xFB1D <= code <= 0xFEFC:
                mask |= BIT["rtl"]
            elif code > 0x24F:
                mask |= BIT["other_script"]
        elif category[0] == "N":
            mask |= BIT["digit"]
        elif category[0] in "PS":
            mask |= BIT["punct"]
            if category[0] == "S":
                mask |= BIT["sign"]
        table[code] = mask
    for name, chars in {
        "end": ".!?…。！？؟।॥։።", "comma": ",;、，；،", "quote": "\"'“”„‘’«»‹›「」『』《》",
        "colon": ":：", "sep": "|›»>/·•–—~→←▸►", "bullet": "•●○▪■◦‣*-–—·✓", "bracket": "()[]{}（）【】",
        "at": "@#", "copyright": "©®™℗",
    }.items():  # fmt: skip
        for char in chars:
            table[ord(char)] |= BIT[name]
    return table
