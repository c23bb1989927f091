"""Text read from a label, matched to the display names of the roster.

`match_names` is a noisy channel. Every listed name is shown in one of a few forms (as listed,
without brackets, "Last, First" turned round, cut off at the tile's width), and the reader then
garbles letters: look-alikes often (l, I and 1; rn and m), others seldom. The alternative is
"nobody on the list", who may have any name, shares a word with somebody now and then, and is
seldom called almost like somebody. All numbers are negative natural logarithms of probabilities.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.schema.arrays import F64, I32

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
_PAIRED = {two for two, _ in _PAIRS}
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
EMOJI_AS_TWO = 1.5
"""A picture in a name read as two letters."""
_EMOJI = "\ue000"
"""Represents a run of pictures in a name: the reader may drop it or make a letter of it."""
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
    """Return the letters and digits of a text, without case and diacritics, for comparing."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_SPELLED))
    return "".join(sign for sign in plain if sign.isalnum())


def match_names(text: str, names: Sequence[str]) -> F64:
    """Return the probability that the text shows each name and, last, that it shows none of them.

    Args:
        text: as read from a label, in any state.
        names: display names; equal ones share their probability. May be empty.

    Returns:
        Shape (len(names) + 1,), sums to 1. A text without letters shows none of them.
    """
    result = np.zeros(len(names) + 1)
    if not folded(text) or not names:
        result[-1] = 1.0
        return result
    costs = _name_costs(text, names)
    anybody = _anybody_cost(text, names, costs)
    logs = np.concatenate([math.log((1 - PRIOR_NOBODY) / len(names)) - costs, [0.0]])
    logs[-1] = math.log(PRIOR_NOBODY) - anybody
    weights = np.exp(logs - logs.max())
    probabilities: F64 = weights / weights.sum()
    return probabilities


def _name_costs(text: str, names: Sequence[str]) -> F64:
    """Return how improbable it is, for each name, that the reader returns this text for it."""
    roster = _spell_out(tuple(names))
    costs = np.full(len(names), math.inf)
    for shown, shown_cost in _forms(text, BRACKET_ADDED):
        cut = _CUT.search(shown)
        read = _signs(_CUT.sub("", shown))
        if read:
            garbled = _garbled(read, roster, cut is not None)
            np.minimum.at(costs, roster.names, shown_cost + roster.costs + garbled)
    return costs


def _anybody_cost(text: str, names: Sequence[str], costs: F64) -> float:
    """Return how improbable the text is as the name of somebody who is not listed."""
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
    """Return the forms in which a name may be shown or meant, with what each costs."""
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
    """Return whether text in brackets is only a role or pronouns: "(Host, me)", "(she/her)"."""
    words = re.findall(r"\w+", inside.casefold().replace("co-", "co"))
    return bool(words) and all(word in _ROLES for word in words)


def _signs(text: str) -> list[tuple[str, str]]:
    """Return the text's signs as (letter without case and marks, its marks); spaces are single."""
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


@dataclass(frozen=True, slots=True)
class _Roster:
    """Every form of every name as numbers, so that one pass over arrays compares them all."""

    names: I32
    """Which name each form belongs to, shape (forms,)."""
    costs: F64
    """What each form costs by itself, shape (forms,)."""
    lengths: I32
    """Signs in each form, shape (forms,)."""
    signs: list[tuple[str, str]]
    """The distinct signs."""
    codes: I32
    """Index into `signs`, shape (longest form, forms); 0 past a form's end."""
    pairs: list[str]
    """The distinct pairs of neighbouring letters that can be read as one; "" is none."""
    pair_codes: I32
    """Index into `pairs` of each sign and the one before it, shape (longest form, forms)."""


@functools.lru_cache(maxsize=4)
def _spell_out(names: tuple[str, ...]) -> _Roster:
    """Build the arrays for one list of names; a call asks for the same list with every label."""
    forms = [
        (k, cost, spelled)
        for k, name in enumerate(names)
        for whole, cost in _forms(name, BRACKET_LOST)
        if (spelled := _signs(whole))
    ]
    signs: dict[tuple[str, str], int] = {}
    pairs = {"": 0}
    lengths = np.array([len(spelled) for _, _, spelled in forms], np.int32)
    codes = np.zeros((lengths.max(initial=0), len(forms)), np.int32)
    pair_codes = np.zeros_like(codes)
    for f, (_, _, spelled) in enumerate(forms):
        for j, sign in enumerate(spelled):
            codes[j, f] = signs.setdefault(sign, len(signs))
            two = spelled[j - 1][0] + sign[0] if j else ""
            if two in _PAIRED:
                pair_codes[j, f] = pairs.setdefault(two, len(pairs))
    return _Roster(
        names=np.array([k for k, _, _ in forms], np.int32),
        costs=np.array([cost for _, cost, _ in forms], np.float64),
        lengths=lengths,
        signs=list(signs),
        codes=codes,
        pairs=list(pairs),
        pair_codes=pair_codes,
    )


def _garbled(read: Sequence[tuple[str, str]], roster: _Roster, is_cut: bool) -> F64:
    """Return the cheapest way from each form's signs to those read, shape (forms,).

    An edit distance: one row per sign of the form, one column per sign read, for all forms at
    once. The form may be cut off at its end.
    """
    rows = len(read)
    lost = np.array([_lost(sign) for sign in roster.signs])
    swap = np.array([[_swap(sign, letter) for letter in read] for sign in roster.signs])
    split = np.array([[_split(sign, read, i) for i in range(1, rows)] for sign in roster.signs])
    joined = np.array(
        [[LOOK_ALIKE if (two, r) in _PAIRS else math.inf for r, _ in read] for two in roster.pairs]
    )
    added = np.cumsum([0.0] + [_added(letter) for letter, _ in read])
    first = [0.0]
    for i, (letter, _) in enumerate(read, 1):
        first.append(first[-1] + _added(letter))
        if i <= 3 and not letter.isalnum():
            first[i] = min(first[i], SCRAP)
    forms = len(roster.lengths)
    table = np.empty((len(roster.codes) + 1, forms, rows + 1))
    table[0] = first
    for j, codes in enumerate(roster.codes):
        before, now = table[j], table[j + 1]
        now[:] = before + lost[codes, None]
        np.minimum(now[:, 1:], before[:, :-1] + swap[codes], out=now[:, 1:])
        if rows > 1:
            np.minimum(now[:, 2:], before[:, :-2] + split[codes], out=now[:, 2:])
        if j:
            np.minimum(
                now[:, 1:], table[j - 1][:, :-1] + joined[roster.pair_codes[j]], out=now[:, 1:]
            )
        # Signs added: the cheapest place to the left, and from there on every sign is extra.
        now[:] = np.minimum.accumulate(now - added, axis=1) + added
    last = table[roster.lengths, np.arange(forms)]
    whole = last[:, rows] + (MARK_READ if is_cut else 0.0)
    for scrap in (1, 2, 3):  # a word of one or two letters after the name, and the space before it
        if scrap < rows and not read[rows - scrap][0].isalnum():
            whole = np.minimum(whole, last[:, rows - scrap] + SCRAP)
    kept = np.arange(len(table))[:, None]
    is_part = (kept >= LEAST_LEFT) & (kept < roster.lengths)
    cut = np.where(is_part, table[:, :, rows], math.inf).min(axis=0)
    cheapest: F64 = np.minimum(whole, cut + (CUT_MARKED if is_cut else CUT_SILENTLY))
    return cheapest


def _split(sign: tuple[str, str], read: Sequence[tuple[str, str]], i: int) -> float:
    """Return the cost of reading one sign as the two that end at `read[i]`."""
    if (read[i - 1][0] + read[i][0], sign[0]) in _PAIRS:
        return LOOK_ALIKE
    return EMOJI_AS_TWO if sign[0] == _EMOJI else math.inf


@functools.lru_cache(maxsize=16384)
def _swap(sign: tuple[str, str], letter: tuple[str, str]) -> float:
    """Return the cost of reading one sign as another."""
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
    """Return whether the reader lacks the letter: Unicode's Latin Extended Additional."""
    return sign[1] != "" and "\u1e00" <= unicodedata.normalize("NFC", sign[0] + sign[1]) < "\u1f00"


def _added(letter: str) -> float:
    return LETTER_ADDED if letter.isalnum() else SPACING
