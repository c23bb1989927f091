"""Text read from a label, matched to the display names of the roster.

`match_names` is a noisy channel. Every listed name is shown in one of a few forms (as it stands,
without brackets, "Last, First" turned round, cut off at the tile's width), and the reader then
garbles letters: look-alikes often (l, I and 1; rn and m), others seldom. Against this stands
"nobody on the list", who may have any name, shares a word with somebody now and then, and is
seldom called almost like somebody. All numbers are negative natural logarithms of probabilities.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from inference.schema.arrays import F64

LOOK_ALIKE = 1.8
"""A letter read as one that looks alike, or a letter with a mark read as one with another."""
OTHER_LETTER = 5.5
"""A letter read as any other."""
OTHER_MARK = 0.7
"""The same letter with another diacritic or none."""
LETTER_LOST, LETTER_ADDED = 4.5, 5.0
OTHER_SCRIPT = 0.5
"""A Greek or Cyrillic letter read as the Latin one of the same shape."""
UNKNOWN_LETTER = 1.5
"""Lost, or read as another: a Vietnamese letter with two marks, which the reader does not know."""
SPACING = 0.5
"""A space or a sign lost, added, or read as another one."""
CUT_MARKED, CUT_SILENTLY = 0.7, 4.5
"""The name goes on where the text ends, with and without "…" at the text's end."""
LEAST_LEFT = 2
"""Signs of a name that are left of it when it is cut off, at least."""
MARK_READ = 2.0
"""The text ends with "…" though the name is whole: what is cut off may be "(Host)"."""
SCRAP = 1.8
"""One or two letters before or after the name that come from the microphone's sign or the video."""
BRACKET_LOST = 2.5
"""What the roster has in brackets or after "|" is missing on the label."""
BRACKET_ADDED = 3.0
"""The label has something in brackets or after "|" that the roster lacks; roles are free."""
TURNED = 0.7
"""Shown as "First Last" where the roster has "Last, First", or the other way round."""
LETTER_OF_ANYBODY, SIGN_OF_ANYBODY = 2.6, 5.0
"""A letter of somebody's name who is not listed, in alphabets and in scripts with many signs."""
SHARED_WORD = 5.0
"""A whole word that a listed name has too: many people are called Anna."""
ALMOST_THE_SAME, ALMOST_PER_LETTER, ALMOST_SHARE = 7.0, 0.3, 0.1
"""Somebody not listed is called almost like somebody listed: the cost, what every letter over six
adds to it, and the share of the letters' own costs that comes on top."""
PRIOR_NOBODY = 0.2

_LOOK_ALIKES = ("il1|j!tf", "o0qcdaeu", "s5z2", "b68h", "g9q", "uvy", "nhrm", "ceo", "mw", "kx")
_PAIRS = {("rn", "m"), ("vv", "w"), ("cl", "d"), ("ri", "n"), ("ii", "u"), ("li", "h"), ("nn", "m"),
          ("lo", "b"), ("in", "m"), ("ni", "m")}  # fmt: skip
_ALIKE = {(a, b) for group in _LOOK_ALIKES for a in group for b in group if a != b}
_SHAPES = {
    (greek_or_cyrillic, latin)
    for greek_or_cyrillic, latins in {
        "α": "a", "β": "b", "γ": "yv", "ε": "e", "ζ": "z", "η": "nh", "ι": "il", "κ": "k",
        "μ": "mu", "ν": "vn", "ο": "o", "ρ": "p", "σ": "oc", "τ": "t", "υ": "uy", "χ": "x",
        "ω": "w", "π": "n", "θ": "o0", "δ": "o", "а": "a", "б": "6b", "в": "b", "г": "r",
        "е": "e", "з": "3", "и": "nu", "к": "k", "л": "n", "м": "m", "н": "h", "о": "o",
        "п": "n", "р": "p", "с": "c", "т": "t", "у": "y", "х": "x", "ч": "4", "ш": "w",
        "щ": "w", "ь": "b", "я": "r", "і": "i", "ј": "j",
    }.items()
    for latin in latins
}  # fmt: skip
_EMOJI = "\ue000"
"""Stands for a run of pictures in a name: the reader may drop it or make a letter of it."""
_SPELLED = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ð": "d"}
)
_ROLES = frozenset(
    re.findall(
        r"\w+",
        """
    host cohost guest me you external organizer she her hers he him his they them theirs
    gastgeber mitgastgeber gast ich extern hôte moi invité coanimateur animateur anfitrión yo
    invitado anfitrião eu convidado organizzatore io ospite gastheer ik
    主持人 联席主持人 我 访客 ホスト 共同ホスト 自分 ゲスト
    """,
    )
)
_BRACKETS = re.compile(r"[(\[（【]([^)\]）】]*)(?:[)\]）】]|$)")
_TAIL = re.compile(r"\s*(?:[|/•·]|\s[-–—]\s|,|@).*$")
_CUT = re.compile(r"(?:…|\.{2,}|[.·…]{2,})\s*$")


def folded(text: str) -> str:
    """Give the text's letters and digits alone, without case and diacritics: for comparing."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_SPELLED))
    return "".join(sign for sign in plain if sign.isalnum())


def match_names(text: str, names: Sequence[str]) -> F64:
    """Give for each name the probability that the text shows it; last, that it shows no listed one.

    Args:
        text: as read from a label, in any state.
        names: display names; equal ones share their probability. May be empty.

    Returns:
        Shape (len(names) + 1,), sums to 1. All on "no listed one" for a text without letters.
    """
    result = np.zeros(len(names) + 1)
    if not folded(text) or not names:
        result[-1] = 1.0
        return result
    costs = np.array([_name_cost(text, name) for name in names])
    anybody = _anybody_cost(text, names, costs)
    logs = np.concatenate([math.log((1 - PRIOR_NOBODY) / len(names)) - costs, [0.0]])
    logs[-1] = math.log(PRIOR_NOBODY) - anybody
    weights = np.exp(logs - logs.max())
    probabilities: F64 = weights / weights.sum()
    return probabilities


@functools.lru_cache(maxsize=4096)
def _name_cost(text: str, name: str) -> float:
    """How improbable it is that the reader gives this text for this name."""
    best = math.inf
    for shown, shown_cost in _forms(text, BRACKET_ADDED):
        cut = _CUT.search(shown)
        read = tuple(_signs(_CUT.sub("", shown)))
        for whole, whole_cost in _forms(name, BRACKET_LOST):
            signs = tuple(_signs(whole))
            base = shown_cost + whole_cost
            if not signs or not read or base >= best:
                continue
            if base + _least_cost(read, signs) >= best:
                continue
            best = min(best, base + _garbled(read, signs, cut is not None))
    return best


def _anybody_cost(text: str, names: Sequence[str], costs: F64) -> float:
    """How improbable the text is as the name of somebody who is not listed."""
    shared = {folded(word) for name in names for word in re.split(r"[\s,.|()/]+", name)}
    cost = 0.0
    for word in re.split(r"[\s,.|()/…]+", text):
        letters = folded(word)
        if letters:
            alone = sum(
                SIGN_OF_ANYBODY if sign > "\u2e80" else LETTER_OF_ANYBODY for sign in letters
            )
            cost += min(alone, SHARED_WORD) if letters in shared else alone
    longer = max(0, len(folded(text)) - 6)
    almost = ALMOST_THE_SAME + ALMOST_PER_LETTER * longer + ALMOST_SHARE * float(costs.min())
    return min(cost, almost)


@functools.lru_cache(maxsize=4096)
def _forms(text: str, bracket_cost: float) -> tuple[tuple[str, float], ...]:
    """Give the forms in which a name may be shown or meant, with what each costs."""
    forms = {text.strip(): 0.0}

    def add(form: str, cost: float) -> None:
        form = " ".join(form.split())
        if folded(form):
            forms[form] = min(cost, forms.get(form, math.inf))

    outside = _BRACKETS.sub(" ", text)
    inside = " ".join(_BRACKETS.findall(text))
    add(outside, 0.0 if _is_role(inside) else bracket_cost)
    for form, cost in list(forms.items()):
        head = _TAIL.sub("", form)
        if head != form and not re.match(r"^[^,]+,[^,]+$", form):
            add(head, cost + bracket_cost)
    for form, cost in list(forms.items()):
        last, comma, first = form.partition(",")
        if comma:
            add(f"{first} {last}", cost + TURNED)
    return tuple(forms.items())


def _is_role(inside: str) -> bool:
    """Whether what stands in brackets tells nothing about who it is: "(Host, me)", "(she/her)"."""
    words = re.findall(r"\w+", inside.casefold().replace("co-", "co"))
    return bool(words) and all(word in _ROLES for word in words)


def _signs(text: str) -> list[tuple[str, str]]:
    """Give the text's signs as (letter without case and marks, its marks); spaces are single."""
    signs: list[tuple[str, str]] = []
    for letter in unicodedata.normalize("NFKC", text).casefold().translate(_SPELLED):
        kind = unicodedata.category(letter)
        if kind in ("So", "Sk", "Cs", "Co", "Cn") or letter in "\u200d\ufe0f":
            if not signs or signs[-1][0] != _EMOJI:
                signs.append((_EMOJI, ""))
            continue
        parts = unicodedata.normalize("NFD", letter)
        if parts[0].isspace():
            if signs and signs[-1][0] != " ":
                signs.append((" ", ""))
        elif kind not in ("Mn", "Cf", "Cc"):
            signs.append((parts[0], parts[1:]))
    while signs and signs[-1][0] == " ":
        signs.pop()
    return signs


def _least_cost(read: Sequence[tuple[str, str]], signs: Sequence[tuple[str, str]]) -> float:
    """A bound from below for `_garbled`: letters of the text that the name lacks altogether."""
    has = Counter(letter for letter, _ in signs)
    lacks = Counter(letter for letter, _ in read if letter.isalnum()) - has
    return 0.8 * LOOK_ALIKE * max(0, sum(lacks.values()) - 4 - 2 * has[_EMOJI])


def _garbled(
    read: Sequence[tuple[str, str]], signs: Sequence[tuple[str, str]], is_cut: bool
) -> float:
    """Cheapest way from the name's signs to those read; the name may be cut off at its end."""
    rows = len(read)
    before = [0.0] * (rows + 1)
    for i in range(1, rows + 1):
        before[i] = before[i - 1] + _added(read[i - 1][0])
        if i <= 3 and not read[i - 1][0].isalnum():
            before[i] = min(before[i], SCRAP)
    older = before
    ends = [before[rows]]
    for j in range(1, len(signs) + 1):
        sign = signs[j - 1]
        lost = _lost(sign)
        now = [before[0] + lost]
        for i in range(1, rows + 1):
            letter = read[i - 1]
            cost = min(
                before[i - 1] + _swap(sign, letter),
                before[i] + lost,
                now[i - 1] + _added(letter[0]),
            )
            if i > 1:
                two = read[i - 2][0] + letter[0]
                if (two, sign[0]) in _PAIRS:
                    cost = min(cost, before[i - 2] + LOOK_ALIKE)
                elif sign[0] == _EMOJI:
                    cost = min(cost, before[i - 2] + 1.5)
            if j > 1 and (signs[j - 2][0] + sign[0], letter[0]) in _PAIRS:
                cost = min(cost, older[i - 1] + LOOK_ALIKE)
            now.append(cost)
        older, before = before, now
        ends.append(now[rows])
    whole = before[rows] + (MARK_READ if is_cut else 0.0)
    for scrap in (1, 2, 3):  # a word of one or two letters after the name, and the space before it
        if scrap < rows and not read[rows - scrap][0].isalnum():
            whole = min(whole, before[rows - scrap] + SCRAP)
    cut = min(ends[LEAST_LEFT:-1], default=math.inf)
    return min(whole, cut + (CUT_MARKED if is_cut else CUT_SILENTLY))


def _swap(sign: tuple[str, str], letter: tuple[str, str]) -> float:
    """Cost of reading one sign as another."""
    if sign[0] == letter[0]:
        return 0.0 if sign[1] == letter[1] else OTHER_MARK
    if sign[0] == _EMOJI:
        return SPACING
    if not sign[0].isalnum() and not letter[0].isalnum():
        return SPACING
    if (sign[0], letter[0]) in _SHAPES:
        return OTHER_SCRIPT
    if (sign[0], letter[0]) in _ALIKE:
        return LOOK_ALIKE
    return UNKNOWN_LETTER + OTHER_MARK if _is_unknown(sign) else OTHER_LETTER


def _lost(sign: tuple[str, str]) -> float:
    if _is_unknown(sign):
        return UNKNOWN_LETTER
    return LETTER_LOST if sign[0].isalnum() else (0.1 if sign[0] == _EMOJI else SPACING)


def _is_unknown(sign: tuple[str, str]) -> bool:
    """Whether the reader has no such letter: those of Unicode's Latin Extended Additional."""
    return sign[1] != "" and "\u1e00" <= unicodedata.normalize("NFC", sign[0] + sign[1]) < "\u1f00"


def _added(letter: str) -> float:
    return LETTER_ADDED if letter.isalnum() else SPACING
