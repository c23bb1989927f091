"""Checks blocks against Slack's limits, as Slack does."""

from __future__ import annotations

import json
from typing import Any

from integrations.slack import limits

TYPES = {
    "actions", "context", "divider", "file", "header", "image", "input", "markdown", "rich_text",
    "section", "table", "video",
}  # fmt: skip


def block_errors(blocks: Any) -> tuple[str, list[str]]:
    """Return Slack's error code and explanations for `blocks`; the code is "" if they are valid."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return "invalid_blocks_format", ["[ERROR] blocks must be an array of objects"]
    found: list[str] = []
    if len(blocks) > limits.BLOCKS:
        found.append(f"[ERROR] no more than {limits.BLOCKS} items allowed [json-pointer:/blocks]")
    for index, block in enumerate(blocks):
        found += [f"[ERROR] {text}" for text in _check(block, f"/blocks/{index}")]
    if found:
        return "invalid_blocks", found
    if len(json.dumps(blocks, ensure_ascii=False)) > limits.ALL_BLOCKS_TEXT:
        return "msg_blocks_too_long", []
    return "", []


def _check(block: dict[str, Any], at: str) -> list[str]:
    kind = block.get("type")
    if kind not in TYPES:
        return [f"unsupported type: {kind} [json-pointer:{at}/type]"]
    found = _length(block.get("block_id"), limits.BLOCK_ID, f"{at}/block_id")
    if kind == "header":
        found += _text(block.get("text"), limits.HEADER_TEXT, f"{at}/text", kinds=("plain_text",))
    elif kind == "section":
        fields = block.get("fields")
        if block.get("text") is None and not fields:
            found.append(f"missing required field: text or fields [json-pointer:{at}]")
        if block.get("text") is not None:
            found += _text(block["text"], limits.SECTION_TEXT, f"{at}/text")
        found += _count(fields, limits.SECTION_FIELDS, f"{at}/fields")
        for index, field in enumerate(fields or []):
            found += _text(field, limits.FIELD_TEXT, f"{at}/fields/{index}")
        if "accessory" in block:
            found += _element(block["accessory"], f"{at}/accessory")
    elif kind in ("context", "actions"):
        limit = limits.CONTEXT_ELEMENTS if kind == "context" else limits.ACTIONS_ELEMENTS
        elements = block.get("elements") or []
        if not elements:
            found.append(f"no fewer than 1 items allowed [json-pointer:{at}/elements]")
        found += _count(elements, limit, f"{at}/elements")
        for index, element in enumerate(elements):
            found += _element(element, f"{at}/elements/{index}")
    elif kind == "image":
        found += _length(block.get("alt_text"), limits.ALT_TEXT, f"{at}/alt_text", required=True)
    elif kind == "markdown":
        found += _length(block.get("text"), limits.MARKDOWN_TEXT, f"{at}/text", required=True)
    return found


def _element(element: Any, at: str) -> list[str]:
    if not isinstance(element, dict):
        return [f"must provide an object [json-pointer:{at}]"]
    kind = element.get("type")
    if kind in ("mrkdwn", "plain_text"):
        return _text(element, limits.SECTION_TEXT, at)
    if kind == "button":
        found = _text(element.get("text"), limits.BUTTON_TEXT, f"{at}/text", kinds=("plain_text",))
        return found + _length(element.get("url"), limits.BUTTON_URL, f"{at}/url")
    return []


def _text(
    value: Any, limit: int, at: str, *, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")
) -> list[str]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return [f"must be a text object of type {' or '.join(kinds)} [json-pointer:{at}]"]
    return _length(value.get("text"), limit, f"{at}/text", required=True)


def _length(value: Any, limit: int, at: str, *, required: bool = False) -> list[str]:
    if value is None or value == "":
        return [f"must be more than 0 characters [json-pointer:{at}]"] if required else []
    if not isinstance(value, str):
        return [f"must provide a string [json-pointer:{at}]"]
    if len(value) > limit:
        return [f"must be less than {limit + 1} characters [json-pointer:{at}]"]
    return []


def _count(values: Any, limit: int, at: str) -> list[str]:
    if values is not None and len(values) > limit:
        return [f"no more than {limit} items allowed [json-pointer:{at}]"]
    return []
