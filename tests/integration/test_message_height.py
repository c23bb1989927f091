"""How high the Slack message is on a phone, measured in Chromium where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.report.message import Block, compose_message
from tests.call_kinds import KINDS

SCREEN_PX = 520
"""What a phone of 390 px width shows of a channel without scrolling."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
STYLE = """
body{margin:0} article{width:390px;box-sizing:border-box;padding:30px 16px 8px 56px;
font:16px/1.4 sans-serif} h3{font-size:18px;margin:4px 0} p{margin:6px 0} small{font-size:13px}
blockquote{margin:2px 0;padding-left:12px} button{padding:6px 13px;margin:0 8px 4px 0;
font:bold 15px/1.4 sans-serif}
"""


def marked_up(text: str) -> str:
    """Return the HTML of a text of a block: links, bold and quoted lines."""
    text = re.sub(r"<[^|>]+\|([^>]+)>", r"\1", text)
    text = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", text)
    return "".join(
        f"<blockquote>{line[2:]}</blockquote>" if line.startswith("> ") else f"<div>{line}</div>"
        for line in text.split("\n")
    )


def drawn(block: Block) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{marked_up(block['text']['text'])}</h3>"
        case "section":
            return f"<p></p>{marked_up(block['text']['text'])}<p></p>"
        case "actions":
            labels = (html.escape(button["text"]["text"]) for button in block["elements"])
            return f"<p>{''.join(f'<button>{label}</button>' for label in labels)}</p>"
        case "context":
            return f"<p><small>{marked_up(block['elements'][0]['text'])}</small></p>"
    raise AssertionError(f"no drawing of a block of type {block['type']}")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to measure the message in")
def test_a_phone_shows_every_message_without_scrolling(tmp_path: Path) -> None:
    page = tmp_path / "messages.html"
    articles = []
    for made in KINDS.values():
        message = compose_message(*made(), page_url="https://r.example/c/x", has_video=True)
        articles.append(f"<article>{''.join(map(drawn, message.blocks))}</article>")
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(articles)}<script>"
        "document.title = JSON.stringify([...document.querySelectorAll('article')]"
        ".map(article => Math.ceil(article.getBoundingClientRect().height)))</script>"
    )
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=800,600",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None, done.stderr
    heights = dict(zip(KINDS, json.loads(title[1]), strict=True))
    assert {kind: px for kind, px in heights.items() if px > SCREEN_PX} == {}
    assert min(heights.values()) > 100, "the messages were drawn"
