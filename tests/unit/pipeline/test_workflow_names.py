"""The workflow engine finds calls in progress by these names: none may change or go."""

from __future__ import annotations

import ast

import pytest

from tests.places import ROOT

NAMES = {
    "bot/pipeline/workflow.py": {
        "CallPipeline.process_call", "CallPipeline.refresh_call", "CallPipeline.retell_call",
        "CallPipeline.fetch", "CallPipeline.analyse", "CallPipeline.transcript_wait_s",
        "CallPipeline.fetch_transcript", "CallPipeline.store", "CallPipeline.report",
        "CallPipeline.notify", "CallPipeline.clean_up", "CallPipeline.mark_failed",
        "CallPipeline.tell_failure", "CallPipeline.note_wait",
    },
    "bot/service/schedule.py": {
        "Housekeeping.reconcile", "Housekeeping._register_missed", "Housekeeping.retention",
        "Housekeeping._delete_before",
    },
}  # fmt: skip
"""Of version 0.1.0; later versions only add."""


@pytest.mark.parametrize("file", NAMES)
def test_workflows_and_steps_keep_their_names(file: str) -> None:
    given = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if ast.unparse(mark).startswith(("DBOS.workflow", "DBOS.step")):
                assert isinstance(mark, ast.Call)
                (name,) = (word.value for word in mark.keywords if word.arg == "name")
                given.add(ast.literal_eval(name))
    assert NAMES[file] <= given
