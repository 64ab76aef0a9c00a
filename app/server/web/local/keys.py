"""/local/keys: make, list and revoke API keys."""

from litestar import delete, get, post
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.types import ASGIApp

from app.server.storage.keys import Key
from app.server.web.body import ApiRequest, JsonBody
from app.server.web.gate import administer
from app.server.web.openai.serving import json_response
from app.server.web.services import services_of
from app.wire.local import KeyList, KeyMade, KeyPicture, KeyRequest

_LOCAL = ["local"]


@get(
    "/local/keys",
    guards=[administer],
    summary="Every key, without its secret",
    tags=_LOCAL,
    responses={200: ResponseSpec(KeyList)},
)
async def list_keys(request: ApiRequest) -> ASGIApp:
    """Oldest first, revoked ones too."""
    keys = services_of(request).keys.all()
    return json_response(KeyList(keys=tuple(key_picture(key) for key in keys)))


@post(
    "/local/keys",
    guards=[administer],
    status_code=200,
    summary="Make a key; its secret is shown this once",
    tags=_LOCAL,
    responses={200: ResponseSpec(KeyMade)},
)
async def make_key(data: JsonBody[KeyRequest], request: ApiRequest) -> ASGIApp:
    """The new key."""
    made = await services_of(request).keys.create(data.name, data.scope)
    return json_response(KeyMade(key=key_picture(made.key), secret=made.secret))


@delete(
    "/local/keys/{key_id:str}",
    guards=[administer],
    status_code=200,
    summary="Revoke a key",
    tags=_LOCAL,
    responses={200: ResponseSpec(KeyPicture)},
)
async def revoke_key(request: ApiRequest) -> ASGIApp:
    """The key, refused from now on."""
    key = await services_of(request).keys.revoke(str(request.path_params["key_id"]))
    if key is None:
        raise NotFoundException
    return json_response(key_picture(key))


def key_picture(key: Key) -> KeyPicture:
    """A key as the local API shows it."""
    return KeyPicture(
        id=key.id,
        name=key.name,
        scope=key.scope,
        prefix=key.prefix,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
