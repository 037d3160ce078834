"""The widgets as `ui://` resources and what makes a tool show one, by MCP Apps' names and OpenAI's."""

from typing import Any, Final, TypedDict

from fastmcp import Context
from fastmcp.apps.config import AppConfig, ResourceCSP
from fastmcp.resources import ResourceContent, ResourceResult

from app.shop import mcp, open_now, shop_of
from app.widgets.compose import WIDGETS, Widget

_MIME: Final = "text/html;profile=mcp-app"


class Shown(TypedDict):
    """Arguments of `@mcp.tool`."""

    app: AppConfig
    meta: dict[str, Any]


def shown_by(widget: Widget) -> Shown:
    """What `@mcp.tool` takes to have its answers shown by `widget`, whose buttons may call it too."""
    return {
        "app": AppConfig(resource_uri=widget.uri, visibility=["model", "app"]),
        "meta": {"openai/outputTemplate": widget.uri, "openai/widgetAccessible": True},
    }


def _meta(widget: Widget) -> dict[str, Any]:
    """What the host may let the widget load: pictures, from where the catalogue has most of its own."""
    shop = open_now()
    origins = list(shop.catalog.image_origins) if shop else []
    csp = ResourceCSP(connect_domains=[], resource_domains=origins)
    app = AppConfig(csp=csp, prefers_border=True)
    return {
        "ui": app.model_dump(by_alias=True, exclude_none=True),
        "openai/widgetCSP": {"connect_domains": [], "resource_domains": origins},
        "openai/widgetPrefersBorder": True,
        "openai/widgetDescription": widget.description,
    }


def _publish(widget: Widget) -> None:
    def read(ctx: Context) -> ResourceResult:
        language = shop_of(ctx).catalog.locale.partition("_")[0]
        return ResourceResult([ResourceContent(widget.page(language), _MIME, _meta(widget))])

    def read_any(digest: str, ctx: Context) -> ResourceResult:
        return read(ctx)

    about: dict[str, Any] = {
        "title": widget.title,
        "description": widget.description,
        "mime_type": _MIME,
    }
    mcp.resource(widget.uri, name=widget.name, **about)(read)
    mcp.resource(widget.any_uri, name=f"{widget.name}-of-any-version", **about)(read_any)


for _widget in WIDGETS:
    _publish(_widget)
