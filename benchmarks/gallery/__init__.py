"""Zoom-like recordings with a known truth: a benchmark for "whose face is this?".

    python -m benchmarks.gallery --out DIR --scenario gallery        # the demo's two faces
    python -m benchmarks.gallery --out DIR --scenario all --faces CLIPS --seconds 240

writes `recording.mp4` with everything that Zoom adds to a recording (`timeline.json`,
`transcript.vtt`, `participants.json`, an M4A per person in `audio/`), and `truth.json`: every
second, whose tile is where. Faces come from any folder of clips with one person each; without one,
from the demo's two public-domain photographs. The people are cut out of their background and put
in front of made-up rooms, so a few faces make many cameras.

Usual scenarios: `gallery`; `gallery_changes` (people join, leave, come back, turn their
video off and on; tiles move); `speaker`, `speaker_strip`, `speaker_pip`; `share_gallery`,
`share_strip`, `share_speaker` (slides with faces, names and a film); `mixed` (all of them in one
call); `names` (many scripts, cut off, two of one name); `similar_names`; `crosstalk`; `room`
(three people at one camera); `phone` (voices without a picture); `restless` (silent mouths
move); `same_background`. Galleries as older clients and other settings draw them: `gutter_border`,
`roaming_border` (the speaker's frame lies between the tiles), `full_page` (49 tiles and arrows),
`reactions` (emoji, hands, notices), `light_ground`, `avatars` (still pictures that fill tiles; a
camera that freezes). Of bad input: `foreign_timeline` (of another meeting of the same people),
`shifted_timeline` (minutes late), `unknown_names` (the side files know nobody), `exchanged_names`
(half-way), `bright`, `mirrored`, `upside_down`, `rotated`, `turned_cameras`, `tiny` (25 tiles).

`participants.json` also has the recording's `start_time`, which its times of day refer to.

`truth.json`, times in seconds and boxes as xyxy in pixels:

- `participants`: name, side, and total `speaks_s`;
- `faces`: a row per second and visible person: `t_s`, `name`, `box` (the whole tile), `label` (the
  text drawn on it, or null), `speaks_s`, and `people` where a camera shows several;
- `layouts`: from change to change `start_s`, `end_s`, `kind`, and aligned `tiles`, `names` and
  `has_video`; a "single" view's only tile is the whole picture;
- `changes`: every change of layout, video on or off, speaker switch or exchange of names;
- `speaking`: who really speaks from when to when.
"""

from benchmarks.gallery.recording import make_recording
from benchmarks.gallery.scenarios import SCENARIOS, build_scenario
from benchmarks.gallery.script import Person, Scenario, Span, Turn

__all__ = ["SCENARIOS", "Person", "Scenario", "Span", "Turn", "build_scenario", "make_recording"]
