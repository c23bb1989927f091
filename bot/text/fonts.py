"""The fonts that ship with the report, and what they cannot draw.

Typst silently draws a letter that no font has as a box. So the report checks beforehand:
`missing_glyphs` returns such letters, and the report's last page lists them.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

FONTS = Path(__file__).parent / "fonts"

FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Inter", ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf")),
    ("Noto Sans", ("NotoSans-Regular.ttf",)),
    ("Noto Sans Arabic", ("NotoSansArabic-Regular.ttf", "NotoSansArabic-Bold.ttf")),
    ("Noto Sans Hebrew", ("NotoSansHebrew-Regular.ttf", "NotoSansHebrew-Bold.ttf")),
    ("Noto Sans Devanagari", ("NotoSansDevanagari-Regular.ttf", "NotoSansDevanagari-Bold.ttf")),
    ("Noto Sans Thai", ("NotoSansThai-Regular.ttf", "NotoSansThai-Bold.ttf")),
    ("Droid Sans Fallback", ("DroidSansFallback.ttf",)),
    ("Noto Color Emoji", ("NotoColorEmoji-64px.ttf",)),
    ("Noto Sans Armenian", ("NotoSansArmenian-Regular.ttf",)),
    ("Noto Sans Bengali", ("NotoSansBengali-Regular.ttf",)),
    ("Noto Sans Ethiopic", ("NotoSansEthiopic-Regular.ttf",)),
    ("Noto Sans Georgian", ("NotoSansGeorgian-Regular.ttf",)),
    ("Noto Sans Gujarati", ("NotoSansGujarati-Regular.ttf",)),
    ("Noto Sans Gurmukhi", ("NotoSansGurmukhi-Regular.ttf",)),
    ("Noto Sans Kannada", ("NotoSansKannada-Regular.ttf",)),
    ("Noto Sans Khmer", ("NotoSansKhmer-Regular.ttf",)),
    ("Noto Sans Lao", ("NotoSansLao-Regular.ttf",)),
    ("Noto Sans Malayalam", ("NotoSansMalayalam-Regular.ttf",)),
    ("Noto Sans Myanmar", ("NotoSansMyanmar-Regular.ttf",)),
    ("Noto Sans Sinhala", ("NotoSansSinhala-Regular.ttf",)),
    ("Noto Sans Tamil", ("NotoSansTamil-Regular.ttf",)),
    ("Noto Sans Telugu", ("NotoSansTelugu-Regular.ttf",)),
    ("Noto Sans Symbols2", ("NotoSansSymbols2-Regular.ttf",)),
    ("Noto Sans Symbols", ("NotoSansSymbols-Regular.ttf",)),
    ("Noto Sans Math", ("NotoSansMath-Regular.ttf",)),
)
"""Families in the order in which they are tried for a letter, and their files."""


def missing_glyphs(text: str) -> tuple[str, ...]:
    """Return the letters of a text that no shipped font can draw, each once, sorted.

    Spaces, joiners, direction marks and variation selectors draw nothing and never count. Fonts are
    opened in order, and only until every letter is found.
    """
    wanted = {c for c in text if not _draws_nothing(c)}
    for _, files in FAMILIES:
        if not wanted:
            break
        wanted -= _letters(files[0])
    return tuple(sorted(wanted))


def families_with(text: str) -> tuple[str, ...]:
    """Return the families whose fonts draw every letter of a text, in their order."""
    wanted = {c for c in text if not _draws_nothing(c)}
    return tuple(family for family, files in FAMILIES if wanted <= _letters(files[0]))


def check_fonts() -> list[str]:
    """Return what is wrong with the shipped fonts, a sentence each; empty if all is well."""
    problems = []
    for family, files in FAMILIES:
        for file in files:
            path = FONTS / file
            if not path.is_file():
                problems.append(f"The font file {file} ({family}) is missing: install again.")
                continue
            try:
                with TTFont(path, lazy=True) as font:
                    found = font["name"].getBestFamilyName() if "cmap" in font else None
            except (TTLibError, OSError, KeyError, AssertionError) as error:
                problems.append(f"The font file {file} cannot be read ({error}): install again.")
                continue
            if found != family:
                problems.append(f"The font file {file} holds “{found}” instead of “{family}”.")
    for licence in ("LICENSE-OFL.txt", "LICENSE-Apache-2.0.txt"):
        if not (FONTS / licence).is_file():
            problems.append(f"The fonts' licence text {licence} is missing: install again.")
    return problems


@lru_cache(maxsize=64)
def _letters(file: str) -> frozenset[str]:
    """Return the letters that a font file can draw; none if it cannot be read."""
    try:
        with TTFont(FONTS / file, lazy=True) as font:
            return frozenset(chr(code) for code in font.getBestCmap() or {})
    except (TTLibError, OSError, KeyError):
        return frozenset()


def _draws_nothing(letter: str) -> bool:
    return (
        letter.isspace()
        or unicodedata.category(letter) in ("Cc", "Cf", "Zs", "Zl", "Zp")
        or "\ufe00" <= letter <= "\ufe0f"
        or "\U000e0100" <= letter <= "\U000e01ef"
    )
