"""The HTTP side of the service: webhook, REST API, signed pages, health."""

from __future__ import annotations

from collections import Counter

from fastapi import FastAPI

from bot.api.auth import key_check
from bot.api.control import PipelineControl
from bot.api.guard import Checks, Guard, TrustedProxies
from bot.api.problems import install_problem_handlers
from bot.api.routes import create_api
from bot.api.webhook import create_webhook, webhook_check
from bot.pipeline.deliveries import Deliveries
from bot.pipeline.resources import Resources
from bot.pipeline.workflow import CallPipeline


def create_app(resources: Resources, pipeline: CallPipeline, deliveries: Deliveries) -> FastAPI:
    """Build the app with all its routes. Opens nothing."""
    app = FastAPI(
        title="Rapport",
        version="1",
        summary="Sales calls as evidence: scores with their uncertainty, moments, words.",
        # Both documentation pages would load their scripts from another site.
        docs_url=None,
        redoc_url=None,
    )
    install_problem_handlers(app)
    refused: Counter[str] = Counter()
    checks = Checks(
        key=key_check(resources.engine), webhook=webhook_check(resources.settings, refused)
    )
    proxies = TrustedProxies(resources.settings.trusted_proxies)
    app.add_middleware(Guard, checks=checks, proxies=proxies, refused=refused)
    app.include_router(
        create_api(
            resources.engine,
            resources.settings,
            resources.files,
            PipelineControl(resources, pipeline),
            link_secret=resources.link_secret,
            refused=refused,
        )
    )
    app.include_router(create_webhook(resources.settings, deliveries, refused))
    return app
