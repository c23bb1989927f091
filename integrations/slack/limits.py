"""Slack's limits for a message built of blocks, and `clip`, which shortens text to fit one.

Source: slack_sdk's own models; slackapi/bolt-js#2509 for the undocumented limit on all blocks
together. Sizes are in characters unless the name says what is counted.
"""

from __future__ import annotations

import re

BLOCKS = 50
"""Blocks in one message."""
ALL_BLOCKS_TEXT = 13_000
SECTION_TEXT = 3000
"""The text of a section, and of each text element of a context block."""
SECTION_FIELDS = 10
"""Fields of one section."""
FIELD_TEXT = 2000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
"""Elements of one context block."""
ACTIONS_ELEMENTS = 25
"""Elements of one actions block."""
BUTTON_TEXT = 75
BUTTON_URL = 3000
BLOCK_ID = 255
ALT_TEXT = 2000
MARKDOWN_TEXT = 12_000

_CUT_ENTITY = re.compile(r"&[a-z]{0,4}$")
_ELLIPSIS = "…"


def clip(text: str, limit: int) -> str:
    """Shorten text to at most `limit` characters, ending in "…", never cutting inside `&amp;`."""
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    kept = _CUT_ENTITY.sub("", text[: limit - len(_ELLIPSIS)])
    return kept.rstrip() + _ELLIPSIS
