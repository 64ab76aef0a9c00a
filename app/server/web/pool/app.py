"""App of a pool's host: its one ASGI application, put together from services and desk."""

from typing import Final

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from app import __version__
from app.server.web.body import ApiRequest
from app.server.web.dashboard.pages import HEADERS as PAGE
from app.server.web.dashboard.pages import wants_page
from app.server.web.errors import failure_of
from app.server.web.gate import administer
from app.server.web.openai import chat, completions, embeddings
from app.server.web.openai.serving import json_response
from app.server.web.pool import models
from app.server.web.pool.account import ACCOUNT_HANDLERS
from app.server.web.pool.admin import ADMIN_HANDLERS
from app.server.web.pool.desk import Desk, desk_of
from app.server.web.pool.endpoint import member
from app.server.web.pool.gate import pool_gate
from app.server.web.pool.pages.frame import pool_error_page
from app.server.web.pool.pages.routes import POOL_PAGE_HANDLERS
from app.server.web.pool.services import HostServices, host_of
from app.wire.local import StopAnswer
from app.wire.openai.native import HealthAnswer


@get(
    ["/health", "/v1/health"],
    summary="The host answers",
    tags=["pool"],
    responses={200: ResponseSpec(HealthAnswer)},
)
async def health(request: ApiRequest) -> ASGIApp:
    """Always ok while the host runs; what it can serve is at /v1/models."""
    return json_response(HealthAnswer(models={}))


@post(
    "/local/stop",
    guards=[administer],
    status_code=200,
    summary="Stop the host",
    tags=["local"],
    responses={200: ResponseSpec(StopAnswer)},
)
async def stop(request: ApiRequest) -> ASGIApp:
    """Answers at once; the host then drains and ends."""
    host = host_of(request)
    host.stop()
    return json_response(StopAnswer(grace_seconds=host.settings.pool_stop_grace_seconds))


HANDLERS: Final = (
    chat.chat_completions,
    completions.completions,
    embeddings.embeddings,
    models.list_models,
    models.one_model,
    member,
    health,
    stop,
)


def create_pool_app(services: HostServices, desk: Desk) -> ASGIApp:
    """What uvicorn runs."""
    app = Litestar(
        route_handlers=[*HANDLERS, *ACCOUNT_HANDLERS, *ADMIN_HANDLERS, *POOL_PAGE_HANDLERS],
        request_class=ApiRequest,
        request_max_body_size=services.settings.pool_body_bytes_max,
        exception_handlers={Exception: _answer_error},
        openapi_config=OpenAPIConfig(
            title="Athanor pool",
            version=__version__,
            description="The host of a pool: OpenAI's API, credits, and the operator's own.",
            path="/openapi",
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        ),
        state=State({"services": services, "desk": desk}),
        logging_config=None,
        debug=False,
    )
    return pool_gate(app, services)


def _answer_error(request: Request[None, None, State], error: Exception) -> Response[bytes]:
    failure = failure_of(error)
    detail = failure.answer.error
    desk_of(request).meters.refused(failure.status, detail.code or detail.type)
    headers = {name.decode(): value.decode() for name, value in failure.headers}
    if isinstance(request, ApiRequest) and wants_page(request):
        body = pool_error_page(request, failure).encode()
        headers = {**headers, **PAGE}
        return Response(body, status_code=failure.status, headers=headers, media_type="text/html")
    return Response(
        failure.body(),
        status_code=failure.status,
        headers=headers,
        media_type="application/json",
    )
