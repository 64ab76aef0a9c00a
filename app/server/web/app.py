"""App: the web server's one ASGI application, put together from services.

Litestar routes and describes; the gate around it guards; nothing else stands between a request
and its handler. There is no page here that asks a foreign host for anything.
"""

from typing import Final

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from app import __version__
from app.server.web.body import ApiRequest
from app.server.web.dashboard import entrance
from app.server.web.dashboard.pages import HEADERS as PAGE
from app.server.web.dashboard.pages import error_page, wants_page
from app.server.web.dashboard.routes import PAGE_HANDLERS
from app.server.web.errors import failure_of
from app.server.web.gate import node_gate
from app.server.web.local import (
    autostart,
    downloads,
    keys,
    library,
    links,
    loading,
    neighbour,
    node,
    pool,
    remote,
    runtime,
    settings_read,
    sharing,
    update,
)
from app.server.web.openai import chat, completions, embeddings, models, native, surroundings
from app.server.web.services import Services

HANDLERS: Final = (
    chat.chat_completions,
    chat.apply_template,
    completions.completions,
    embeddings.embeddings,
    models.list_models,
    models.one_model,
    native.tokenize,
    native.detokenize,
    native.health,
    native.properties,
    native.load_by_name,
    native.unload_by_name,
    surroundings.front,
    surroundings.metrics,
    node.state,
    node.events,
    node.stop,
    neighbour.neighbour,
    neighbour.free,
    neighbour.snooze,
    neighbour.resume,
    loading.load,
    loading.unload,
    remote.catalogue,
    remote.search,
    remote.repository,
    remote.network,
    downloads.list_downloads,
    downloads.download,
    downloads.pause,
    downloads.resume,
    downloads.remove,
    keys.list_keys,
    keys.make_key,
    keys.revoke_key,
    autostart.autostart,
    autostart.set_autostart,
    settings_read.read_settings,
    runtime.runtime,
    runtime.look,
    runtime.order,
    pool.pool,
    pool.join,
    pool.leave,
    pool.market,
    pool.quote,
    pool.days,
    pool.receipts,
    pool.verify,
    pool.export,
    sharing.sharing,
    sharing.change_sharing,
    library.list_library,
    library.look,
    library.one_of_library,
    library.check,
    library.delete_model,
    library.list_folders,
    library.add_folder,
    library.remove_folder,
    update.update,
    update.look_for_update,
    update.fetch_update,
    update.install_update,
    update.go_back,
    entrance.make_link,
    links.open_link,
)


def create_app(services: Services) -> ASGIApp:
    """What uvicorn runs. Its start and end are the node's business, not its own."""
    app = Litestar(
        route_handlers=[*HANDLERS, *PAGE_HANDLERS],
        request_class=ApiRequest,
        request_max_body_size=services.settings.server.body_bytes_max,
        exception_handlers={Exception: _answer_error},
        openapi_config=OpenAPIConfig(
            title="Athanor",
            version=__version__,
            description="The local node: OpenAI's API, llama-server's extras, and its own.",
            path="/openapi",
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        ),
        state=State({"services": services}),
        logging_config=None,
        debug=False,
    )
    return node_gate(app, services)


def _answer_error(request: Request[None, None, State], error: Exception) -> Response[bytes]:
    failure = failure_of(error)
    headers = {name.decode(): value.decode() for name, value in failure.headers}
    if isinstance(request, ApiRequest) and wants_page(request):
        body = error_page(request, failure).encode()
        return Response(
            body, status_code=failure.status, headers={**headers, **PAGE}, media_type="text/html"
        )
    return Response(
        failure.body(),
        status_code=failure.status,
        headers=headers,
        media_type="application/json",
    )
