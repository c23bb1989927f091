"""The last page: how the figures were made, how far to trust them, and what was not seen."""

from __future__ import annotations

from dataclasses import dataclass

from bot.report.charts.course import measures_against_rest, neutral_level
from bot.text import words
from inference.schema.analysis import CallAnalysis
from inference.schema.observations import Quality


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its paragraphs on the last page."""

    heading: str
    paragraphs: tuple[str, ...]


def about_sections(
    analysis: CallAnalysis,
    notes: tuple[str, ...],
    zone_note: str,
    accuracy: str | None,
    *,
    has_pictures: bool = False,
) -> tuple[Section, ...]:
    """Return the last page's sections, in reading order."""
    seen = _not_seen(analysis.quality)
    own = [zone_note, *notes, *analysis.quality.notes]
    return (
        Section("How to read the figures", _reading(analysis)),
        Section("How they were made", _made(analysis, accuracy, has_pictures)),
        Section("What was not seen", (*seen, *(words.clean(n) for n in own if words.clean(n)))),
        Section("Limits", _LIMITS),
    )


_LIMITS = (
    "People smile out of politeness, frown when they concentrate, and show the same feeling "
    "differently from one culture and one person to the next. Use this report to find the minutes "
    "worth watching again, then watch them. Do not judge, rank or decide about a person by it.",
    "Rapport reads what faces showed, not what people felt.",
)

_SHOWN = (
    "A figure is shown where its likely range spans at most 30 of 100, a change where its range "
    "leaves out zero. The ranges are under “How sure is this?”.",
    "“Facing the screen” says how far head and eyes were turned towards it, from 0 to 100; second "
    "screens and notes lower it. It is told up to 90, and “face seen” below 80 %. Times count from "
    "the start of the recording.",
    "Smiling, calm, surprised-looking and tense (angry, disgusted, fearful and sad together) are "
    "told against the person's own face at rest, of the time in which they listened. A face whose "
    "name is less than 95 % sure stays “Person 1”.",
)


def _reading(analysis: CallAnalysis) -> tuple[str, ...]:
    neutral = round(neutral_level(analysis))
    if measures_against_rest(analysis):
        scale = (
            f"Engagement runs from 0 to 100 and compares a face with the same person's own calm "
            f"face. A calm face turned to the screen is {neutral}, a full smile is near 100, an "
            "angry look is near 34, and looking away takes off up to half. Averages and curves "
            "are of listening: a moving mouth looks like surprise, so speaking is not compared "
            "with it."
        )
        if not analysis.turns_known:
            scale += (
                " This recording does not say who spoke when, so all of it counts as listening."
            )
        return (scale, *_SHOWN)
    scale = (
        f"Engagement runs from 0 to 100. A broad smile is near 100, a calm, neutral face is "
        f"{neutral}, an angry or disgusted one is near 0. Faces differ at rest, so compare a "
        "person with themselves, earlier and later, rather than with others."
    )
    return (scale, *_SHOWN)


def _made(analysis: CallAnalysis, accuracy: str | None, has_pictures: bool) -> tuple[str, ...]:
    quality = analysis.quality
    left = (
        "nothing of the recording leaves it but the small pictures in this report."
        if has_pictures
        else "no picture or sound left it."
    )
    model = words.clean(analysis.observations.model)
    every = analysis.observations.sample_interval_s
    return (
        f"A picture was taken from the recording every {every:g} s ({quality.frames_sampled:,} in "
        f"all), each face in it was found and followed, and the model {model} gave seven "
        "expressions their likelihoods. Engagement weighs all seven, so that an unsure picture "
        "moves the figure to the middle and not to the bottom. The range around each average "
        "respects that neighbouring pictures resemble each other."
        if analysis.profile != "classic"
        else f"A picture was taken from the recording every {every:g} s "
        f"({quality.frames_sampled:,} in all), each face in it was found and followed, and the "
        f"model {model} named its expression. Engagement is that expression's weight times how "
        "sure the model was, as the Sales Call Emotion Analyzer does it.",
        accuracy or "The accuracy of the model on this installation is not recorded.",
        f"Scoring version {analysis.scoring_version}, profile “{words.clean(analysis.profile)}”. "
        f"Everything was computed on your own machine; {left}",
    )


def _not_seen(quality: Quality) -> tuple[str, ...]:
    if quality.faces_seen > quality.faces_too_small:
        first = (
            "What faces showed while they were off camera, turned away or covered is not in any "
            "figure."
        )
    else:
        first = "No face could be read anywhere in the recording."
    lost = losses(quality)
    if not (quality.lost_share > 0 or quality.frames_lost):
        lost = ("No picture of the recording was damaged or missing.", *lost)
    return (first, *lost)


def losses(quality: Quality) -> tuple[str, ...]:
    """Return what could not be seen or heard in the recording, a sentence each."""
    lines = []
    if quality.faces_too_small:
        share = words.percent(quality.faces_too_small / max(1, quality.faces_seen))
        lines.append(f"{share} of the faces found were too small or too blurred to read.")
    if quality.lost_share > 0 or quality.frames_lost:
        lines.append(
            f"{words.percent(quality.lost_share)} of the recording has no usable picture "
            f"({quality.frames_lost:,} damaged or missing)."
        )
    if not quality.has_audio:
        lines.append("The recording has no sound.")
    return tuple(lines)
