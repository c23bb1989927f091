"""The page's style sheet, and the digest that lets a browser use it."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--ink:#1b2330;--soft:#566073;--line:#d5dae2;--paper:#fff;
--card:#f6f7f9;--accent:#1f5fbf;--theirs:#a34c06;--ours:#1f5fbf;--here:#fff3d6}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf0;--soft:#a5afbf;--line:#3a4352;
--paper:#12161d;--card:#1b212b;--accent:#7fb0ff;--theirs:#ffb27a;--ours:#7fb0ff;--here:#3a3013}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1.25rem 1rem 3rem;background:var(--paper);
color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
h1{font-size:1.35rem;line-height:1.25;margin:0}
h2{font-size:1.15rem;margin:2rem 0 .6rem}
h3{font-size:1rem;margin:0}
h3 .small{font-weight:400}
p{margin:.35rem 0}
a{color:var(--accent)}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.answer{font-size:1.25rem;line-height:1.4;margin:1rem 0}
.cards{display:grid;gap:.75rem;margin:0;padding:0;list-style:none}
.cards>li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:.75rem 1rem;scroll-margin:1rem}
.cards>.here{background:var(--here);border-color:var(--theirs);outline:0}
.go{display:inline-block;padding:.6rem 0;min-height:2.75rem}
blockquote{margin:.4rem 0 0;padding-inline-start:.75rem;border-inline-start:3px solid var(--line)}
blockquote.at{border-color:var(--theirs)}
.pause{margin:.4rem 0 0 .9rem}
video{display:block;width:100%;border-radius:.6rem;background:#000}
.top>*+section h2{margin-top:1.25rem}
@media (min-width:60rem){.top{display:grid;grid-template-columns:1fr 1fr;gap:0 1.5rem}
.top h2{margin-top:.5rem!important}.people{grid-template-columns:1fr 1fr}}
.lane{display:block;width:100%;height:6rem;background:var(--card);border-radius:.3rem;margin:0}
.lane text{fill:var(--soft);font-size:.75rem;paint-order:stroke;stroke:var(--card);
stroke-width:4px;stroke-linejoin:round}
.lane .gap{fill:var(--line);opacity:.5}
.lane line{vector-effect:non-scaling-stroke}
.lane .level{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 4}
.lane .mark{stroke:var(--ink);stroke-width:1;opacity:.55}
.path{fill:none;stroke-width:1;vector-effect:non-scaling-stroke;stroke-linejoin:round;
stroke:var(--ours)}
.dot{stroke:var(--ours);stroke-width:3;stroke-linecap:round}
.said{fill:var(--ours);opacity:.75}
.prospect .path{stroke:var(--theirs);stroke-width:2}
.prospect .dot{stroke:var(--theirs)}
.prospect .said{fill:var(--theirs)}
.name{margin-top:.9rem}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;width:100%;min-width:44rem;overflow-wrap:normal}
th,td{text-align:start;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
summary{padding:.6rem 0;cursor:pointer}
footer{margin-top:2rem;border-top:1px solid var(--line);padding-top:.75rem}
"""
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
