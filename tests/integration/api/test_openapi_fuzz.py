"""Requests made from the OpenAPI document, sensible and not: none ends in an error of ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import calls
from storage.engine import transaction
from tests.integration.api.conftest import CALL, Service, add_call

MAX_EXAMPLES = 150
Json = dict[str, Any]

TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "\x00",
        "' OR 1=1 --",
        "../../etc/passwd",
        "9" * 400,
        "1e999",
        "nan",
        "-0",
        "Ⅷ",
        "\U0001f600",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def values(schema: Json) -> st.SearchStrategy[Any]:
    """Values that a schema allows, as far as is worth the trouble, and some that it does not."""
    if "anyOf" in schema:
        return st.one_of(*(values(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | TEXT
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return st.integers() | st.floats() | st.integers(-1, 300) | TEXT
    if schema.get("format") == "date-time":
        return st.datetimes().map(lambda at: at.isoformat()) | TEXT
    return TEXT if kind == "string" else ANYTHING


@st.composite
def requests(draw: st.DrawFn, document: Json, call_id: str) -> tuple[str, str, bytes | None, str]:
    """Draw a method, a path with its query, a body and its type."""
    path, methods = draw(st.sampled_from(sorted(document["paths"].items())))
    method, operation = draw(st.sampled_from(sorted(methods.items())))
    query = []
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            known = st.sampled_from([call_id, f"{call_id}.1", "0", "1"])
            given_value = str(draw(known | known | TEXT))
            path = path.replace(f"{{{name}}}", quote(given_value, safe=""))
        elif draw(st.booleans()):
            value = str(draw(values(parameter["schema"])))
            query.append(f"{name}={quote(value, safe='')}")
    body = None
    if "requestBody" in operation or draw(st.integers(0, 9)) == 0:
        fields = document["components"]["schemas"]["ParticipantChange"]["properties"]
        changes = st.fixed_dictionaries(
            {}, optional={name: values(each) for name, each in fields.items()}
        )
        text = json.dumps(draw(changes | ANYTHING))
        body = draw(st.just(text.encode()) | st.binary(max_size=30))
    media = draw(st.sampled_from(["application/json", "text/plain", "multipart/form-data", "x"]))
    return method.upper(), path + ("?" + "&".join(query) if query else ""), body, media


@pytest.mark.parametrize("with_key", [True, False], ids=["key", "no key"])
def test_no_request_is_answered_with_an_error_of_the_service(
    service: Service, with_key: bool
) -> None:
    call_id = add_call(service)
    document = service.client.app.openapi()  # type: ignore[attr-defined]

    @settings(
        max_examples=MAX_EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(requests(document, call_id))
    def send(request: tuple[str, str, bytes | None, str]) -> None:
        method, path, body, media = request
        headers = {"Content-Type": media} if body is not None else {}
        if not with_key:
            headers["Authorization"] = "Bearer rpt_none"
        answer = service.client.request(method, path, content=body, headers=headers)
        if path != "/readyz":
            assert answer.status_code < 500, answer.text
        if path.startswith("/api/") and not with_key:
            assert answer.status_code == 401
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if method == "DELETE" and answer.is_success:  # the rest should have a call to ask about
            with transaction(service.engine) as session:
                calls.announce(session, CALL)

    send()
