"""The scripts by name. All names and addresses are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.gallery.script import LayoutName, Person, Scenario, Span

_NAMES = (
    "Maya Lindqvist", "Dana Whitfield", "Tobias Brandt", "Aisha Rahman", "Joao Pereira",
    "Hannah Kowalski", "Victor Okafor", "Sofia Marin", "Liam Gallagher", "Ebba Nyström",
    "Rafael Ortiz", "Nadia Hadzic", "Owen Prichard", "Keiko Tanabe", "Mateus Almeida",
    "Zofia Wrona", "Samuel Adeyemi", "Clara Baumann", "Ivo Petkov", "Leila Farahani",
    "Anton Viklund", "Grace Mbeki", "Felix Moreau", "Priya Raman", "Noah Steiner",
)  # fmt: skip
_TALK = (1.0, 1.0, 0.8, 0.5, 0.12, 0.0, 0.6, 0.0, 0.4, 0.15)
"""How much the first, second … person talks; then from the start again, but less."""

SCRIPTS = (
    "Maya Lindqvist (she/her)", "Александра Рихтер", "陈伟明", "田中 美咲", "김서연",
    "محمد الفاروق", "נועה לוי", "आदित्य शर्मा", "สมชาย ใจดี", "Γιώργος Παπαδάκης",
    "Alexandra Richmond-Featherstonehaugh, Harbourline Logistics", "🚢 Tom Berg 🌊",
    "Ana García (Host)", "Jonas Weiß (Guest)", "Chris Taylor", "Chris Taylor",
    "Đặng Thị Hoa", "Łukasz Żółć", "O'Neill, Siobhán", "ელენე გელაშვილი",
)  # fmt: skip
"""Display names as people write them: scripts, pronouns, roles, emoji, two of one name."""


LIGHT_GREY = (228, 228, 233)
"""The background of the tiles in a light theme."""
MOST_PEOPLE = 49
"""Zoom's largest gallery."""


ALIKE = (
    "Jon Smith", "John Smith", "Joan Smith", "John Smyth", "Hanna Berg", "Anna Berg",
    "Maria Garcia", "María García", "Al Ng", "Al Ngo",
)  # fmt: skip
"""Different people whose names are easy to confuse in small print."""


def _crew(count: int, names: tuple[str, ...] = _NAMES) -> tuple[Person, ...]:
    people = []
    for who in range(count):
        round_, talk = who // len(_TALK), _TALK[who % len(_TALK)]
        name = names[who % len(names)]
        if who >= len(names):
            name = f"{name} {who // len(names) + 1}"
        is_account = who % 3 == 0
        host = "brightfield.example.com" if is_account else "harbourline.example.com"
        people.append(
            Person(
                name,
                talk=talk / (1 + 2 * round_),
                email=f"person{who:02d}@{host}",
                is_account=is_account,
            )
        )
    return tuple(people)


def _whole(layout: LayoutName, count: int, video_off: tuple[int, ...] = ()) -> tuple[Span, ...]:
    return (Span(1.0, layout, tuple(range(count)), video_off),)


def _gallery(count: int) -> Scenario:
    return Scenario("gallery", _crew(count), _whole("gallery", count))


def _gallery_changes(count: int) -> Scenario:
    """Build a call with joins, leaves, a rejoin, video off and on; the tiles move each time.

    Zoom moves people who turn off their video behind those who have theirs on.
    """
    count = max(3, count)
    everybody = tuple(range(count))
    late, away = count - 1, count // 2
    still = tuple(who for who in everybody if who != away)
    spans = (
        Span(0.15, "gallery", everybody[:-1]),
        Span(0.30, "gallery", everybody),
        Span(0.45, "gallery", (0, *everybody[2:], 1), video_off=(1,)),
        Span(0.60, "gallery", (0, *(who for who in still if who > 1), 1), video_off=(1,)),
        Span(0.75, "gallery", still),
        Span(0.90, "gallery", (*still, away)),
        Span(1.0, "gallery", (*(who for who in still if who != late), away)),
    )
    return Scenario("gallery_changes", _crew(count), spans)


def _mixed(count: int) -> Scenario:
    count = max(3, count)
    everybody = tuple(range(count))
    spans = (
        Span(0.2, "gallery", everybody),
        Span(0.4, "speaker", everybody),
        Span(0.55, "share_gallery", everybody),
        Span(0.7, "share_speaker", everybody),
        Span(0.85, "strip", everybody),
        Span(1.0, "gallery", everybody, video_off=(count - 1,)),
    )
    return Scenario("mixed", _crew(count), spans)


def _names(count: int) -> Scenario:
    people = _crew(count, SCRIPTS)
    spans = (Span(0.5, "gallery", tuple(range(count))), Span(1.0, "speaker", tuple(range(count))))
    return Scenario("names", people, spans)


def _similar_names(count: int) -> Scenario:
    return Scenario("similar_names", _crew(count, ALIKE), _whole("gallery", count))


def _room(count: int) -> Scenario:
    count = max(2, count)
    people = list(_crew(count))
    people[1] = replace(people[1], name="Conference Room 2", faces=3)
    return Scenario("room", tuple(people), _whole("gallery", count))


def _phone(count: int) -> Scenario:
    """Build a call with a phone caller and somebody whose camera stays off, who both speak."""
    count = max(3, count)
    people = list(_crew(count))
    people[-1] = replace(people[-1], name="+1 555 *** 0142", talk=0.8, email="", is_account=False)
    off = (count - 2, count - 1)
    everybody = tuple(range(count))
    spans = (Span(0.5, "gallery", everybody, off), Span(1.0, "speaker", everybody, off))
    return Scenario("phone", tuple(people), spans)


def _same_background(count: int) -> Scenario:
    """Build gallery_changes, with the company's background picture for everybody in the account."""
    changes = _gallery_changes(count)
    people = tuple(
        replace(person, background=1 if person.is_account else None) for person in changes.people
    )
    return replace(changes, people=people)


def _turned_cameras(count: int) -> Scenario:
    people = tuple(
        replace(person, turned=("none", "mirrored", "sideways")[who % 3])
        for who, person in enumerate(_crew(count))
    )
    return Scenario("turned_cameras", people, _whole("gallery", count))


def _avatars(count: int) -> Scenario:
    """Build a gallery in which every other person is a still profile picture that fills the tile,
    and somebody else's camera freezes now and then. Two of those without video talk a lot."""
    count = max(3, count)
    gallery = _gallery(count)
    return replace(gallery, avatars=tuple(range(1, count, 2))[: count // 2], frozen=(2,))


def _view(name: str, layout: LayoutName) -> Callable[[int], Scenario]:
    return lambda count: Scenario(name, _crew(count), _whole(layout, count))


def _but(name: str, **changes: object) -> Callable[[int], Scenario]:
    # mypy cannot know that the changes are fields of `Scenario`; `replace` rejects others.
    return lambda count: replace(_gallery(count), name=name, **changes)  # type: ignore[arg-type]


SCENARIOS: dict[str, tuple[Callable[[int], Scenario], int]] = {
    "gallery": (_gallery, 4),
    "gallery_changes": (_gallery_changes, 5),
    "speaker": (_view("speaker", "speaker"), 4),
    "speaker_strip": (_view("speaker_strip", "strip"), 5),
    "speaker_pip": (_view("speaker_pip", "pip"), 3),
    "share_gallery": (_view("share_gallery", "share_gallery"), 4),
    "share_strip": (_view("share_strip", "share_strip"), 5),
    "share_speaker": (_view("share_speaker", "share_speaker"), 4),
    "mixed": (_mixed, 5),
    "names": (_names, 20),
    "similar_names": (_similar_names, 8),
    "crosstalk": (_but("crosstalk", crosstalk=0.5), 4),
    "room": (_room, 4),
    "phone": (_phone, 5),
    "restless": (_but("restless", restless=0.15, has_labels=False), 4),
    "same_background": (_same_background, 5),
    # As older clients and other settings draw a gallery.
    "gutter_border": (_but("gutter_border", border="gutter", is_tight=True), 6),
    "roaming_border": (
        _but("roaming_border", border="yellow gutter", border_roams=True), 9
    ),
    "full_page": (
        _but("full_page", border="gutter", border_roams=True, has_arrows=True), 49
    ),
    "reactions": (
        _but("reactions", border="gutter", is_tight=True, has_reactions=True), 5
    ),
    "light_ground": (
        _but("light_ground", ground=LIGHT_GREY, border="gutter", has_reactions=True), 6
    ),
    "avatars": (_avatars, 6),
    # Bad input.
    "foreign_timeline": (
        _but("foreign_timeline", side_fault="foreign", has_labels=False), 4
    ),
    "shifted_timeline": (
        _but("shifted_timeline", side_fault="shifted", has_labels=False), 4
    ),
    "unknown_names": (_but("unknown_names", side_fault="strangers"), 4),
    "exchanged_names": (_but("exchanged_names", swaps_labels=(0, 1)), 4),
    "bright": (_but("bright", is_bright=True), 4),
    "mirrored": (_but("mirrored", picture_fault="mirrored"), 4),
    "upside_down": (_but("upside_down", picture_fault="upside_down"), 4),
    "rotated": (_but("rotated", picture_fault="rotated"), 4),
    "turned_cameras": (_turned_cameras, 4),
    "tiny": (_gallery, 25),
}  # fmt: skip
"""Every scenario: how to build it for a number of people, and the default number."""


def build_scenario(name: str, people: int | None = None, labels: bool | None = None) -> Scenario:
    """Return the script with this name.

    Args:
        name: a key of `SCENARIOS`.
        people: how many are in the call, 1 to `MOST_PEOPLE`; None uses the scenario's default.
        labels: whether names are drawn on the tiles; None uses the scenario's default.

    Raises:
        ValueError: no such scenario, or the number of people is out of range.
    """
    if name not in SCENARIOS:
        raise ValueError(f"There is no scenario {name!r}: choose from {', '.join(SCENARIOS)}.")
    make, usual = SCENARIOS[name]
    if people is not None and not 1 <= people <= MOST_PEOPLE:
        raise ValueError(f"A recording shows 1 to {MOST_PEOPLE} people, not {people}.")
    scenario = replace(make(people or usual), name=name)
    return scenario if labels is None else replace(scenario, has_labels=labels)
