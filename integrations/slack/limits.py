"""Slack's message limits, and functions that escape and shorten text for Slack.

Source: slack_sdk's own models; slackapi/bolt-js#2509 for the undocumented limit on the text of all
blocks together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MESSAGE_TEXT = 4000
"""Slack displays longer texts badly, and truncates at 40 000."""
BLOCKS = 50
ALL_BLOCKS_TEXT = 13_000
SECTION_TEXT = 3000
SECTION_FIELDS = 10
FIELD_TEXT = 2000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
ACTIONS_ELEMENTS = 25
BUTTON_TEXT = 75
URL = 3000
BLOCK_ID = 255
ALT_TEXT = 2000

_CUT_ENTITY = re.compile(r"&[a-z]{0,4}$")
_ELLIPSIS = "…"


def escape(text: str) -> str:
    """Escape user text so that Slack sees no link, mention or channel command in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, limit: int) -> str:
    """Shorten text to at most `limit` characters, ending in "…", never cutting inside `&amp;`."""
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    kept = _CUT_ENTITY.sub("", text[: limit - len(_ELLIPSIS)])
    return kept.rstrip() + _ELLIPSIS


def check_blocks(blocks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return a sentence for each limit that the blocks break; empty if Slack accepts them."""
    problems: list[str] = []
    if len(blocks) > BLOCKS:
        problems.append(f"{len(blocks)} blocks; Slack allows {BLOCKS}.")
    for number, block in enumerate(blocks):
        for what, size, limit in _sizes(block):
            if size > limit:
                problems.append(f"Block {number}: {what} is {size}; Slack allows {limit}.")
            elif size == 0:
                problems.append(f"Block {number}: {what} is empty.")
    total = sum(len(text) for block in blocks for text in _texts(block))
    if total > ALL_BLOCKS_TEXT:
        problems.append(f"The blocks total {total} characters; Slack allows {ALL_BLOCKS_TEXT}.")
    return tuple(problems)


def _sizes(block: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Yield each limited part of a block: what it is, its size, the limit."""
    kind = block.get("type")
    if "block_id" in block:
        yield "the block id", len(block["block_id"]), BLOCK_ID
    if kind in ("section", "header") and "text" in block:
        limit = HEADER_TEXT if kind == "header" else SECTION_TEXT
        yield f"the {kind}'s text", len(block["text"]["text"]), limit
    if "fields" in block:
        yield "the number of fields", len(block["fields"]), SECTION_FIELDS
        for field in block["fields"]:
            yield "a field", len(field["text"]), FIELD_TEXT
    if kind == "image":
        yield "the image's alt text", len(block.get("alt_text", "")), ALT_TEXT
    elements = block.get("elements", [])
    if kind == "context":
        yield "the number of elements", len(elements), CONTEXT_ELEMENTS
        for element in elements:
            if "text" in element:
                yield "a context text", len(element["text"]), SECTION_TEXT
    if kind == "actions":
        yield "the number of buttons", len(elements), ACTIONS_ELEMENTS
    accessories = [block["accessory"]] if "accessory" in block else []
    for element in (*(elements if kind == "actions" else ()), *accessories):
        if element.get("type") == "button":
            yield "a button's text", len(element["text"]["text"]), BUTTON_TEXT
            if "url" in element:
                yield "a button's URL", len(element["url"]), URL


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("text", "alt_text") and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _texts(inner)
