"""The last page: how the figures were made, how far to trust them, and what was not seen."""

from __future__ import annotations

from dataclasses import dataclass

from bot.report.chart_data import measures_against_rest, neutral_level
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
    seen = _not_seen(analysis.quality, analysis.call.coverage)
    own = [zone_note, *notes, *analysis.quality.notes]
    return (
        Section("Expressions are not feelings", _FEELINGS),
        Section("How to read the figures", _reading(analysis)),
        Section("How they were made", _made(analysis, accuracy, has_pictures)),
        Section("What was not seen", (*seen, *(words.clean(n) for n in own if words.clean(n)))),
    )


_FEELINGS = (
    "This report describes what faces showed and who spoke. It does not know what anybody felt, "
    "thought or intended. People smile out of politeness, frown when they concentrate, and show "
    "the same feeling differently from one culture and one person to the next.",
    "Use it to find the minutes worth watching again, then watch them. Do not judge, rank or "
    "decide about a person by it.",
)

_ATTENTION_AND_RANGE = (
    "“Likely between 51 and 64” means: if the same call were sampled again and again, 95 of 100 "
    "such ranges would contain the true average. It covers chance, not the errors of the model. If "
    "a change's likely range contains zero, the report says “no clear change”.",
    "Attention runs from 0 to 100 too: how far head and eyes were turned towards the screen. "
    "Looking at a second screen or taking notes lowers it. Times count from the start of the "
    "recording.",
    "“Name 98 % sure” says how certain it is that face and name belong together. Under 95 % a face "
    "stays “Person 1”. A name that a person confirmed is not questioned.",
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
        return (scale, *_ATTENTION_AND_RANGE)
    scale = (
        f"Engagement runs from 0 to 100. A broad smile is near 100, a calm, neutral face is "
        f"{neutral}, an angry or disgusted one is near 0. Faces differ at rest, so compare a "
        "person with themselves, earlier and later, rather than with others."
    )
    return (scale, *_ATTENTION_AND_RANGE)


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


def _not_seen(quality: Quality, coverage: float) -> tuple[str, ...]:
    if quality.faces_seen and coverage > 0:
        first = (
            f"On average a person's face was seen {words.percent(coverage)} of the time. What "
            "faces showed while they were off camera, turned away or covered is not in any figure."
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
