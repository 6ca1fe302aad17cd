"""Settings of the six ways in which APIs page (product.md §4.3, api.md §2)."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core import limits
from ropewalk.core.origins import origin
from ropewalk.core.ranges import below_ceiling, bounds, within

PathText: TypeAlias = Annotated[str, Field(min_length=1, max_length=512)]
ParamName: TypeAlias = Annotated[str, Field(min_length=1, max_length=128)]
PageSize: TypeAlias = Annotated[
    int, Field(strict=True), AfterValidator(within(*limits.PAGE_SIZE)), bounds(*limits.PAGE_SIZE)
]


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise PydanticCustomError(
            "header", "A header name is letters, digits and dashes, like Accept-Version."
        )
    return name


HeaderName: TypeAlias = Annotated[str, AfterValidator(_header_name)]


class _Paging(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    NEXT: ClassVar[Literal["nothing", "number", "cursor", "url"]]
    """What leads to the following page."""

    max_pages: Annotated[
        int,
        Field(
            strict=True,
            title="Most pages",
            description="A run that reaches it ends as truncated; the next goes on.",
        ),
        AfterValidator(below_ceiling("max_pages", 1, limits.MAX_PAGES)),
        bounds(1, limits.MAX_PAGES),
    ] = limits.DEFAULT_MAX_PAGES
    total_path: PathText | None = Field(
        None, title="Path to the total", description="Where an answer says how many records there are in all."
    )
    has_more_path: PathText | None = Field(
        None, title="Path to “has more”", description="Where an answer says true while more pages follow."
    )
    params_in: Literal["query", "body"] = Field(
        "query",
        title="Parameters go in",
        description="The query, or the JSON body of a POST, where a name may be a dotted path. "
        "This governs paging, incremental, time-range and account parameters.",
    )
    allowed_origins: list[Annotated[str, AfterValidator(origin)]] = Field(
        default=[],
        title="Further origins",
        description="Where else a next page may be, like https://cdn.example.com. They get no credentials.",
    )


class SinglePage(_Paging):
    """One answer holds all records."""

    NEXT = "nothing"
    type: Literal["none"] = "none"


class _Sized(_Paging):
    size_param: ParamName | None = Field(
        "limit", title="Size parameter", description="Asks for this many records a page; empty: is not sent."
    )
    page_size: PageSize = Field(limits.DEFAULT_PAGE_SIZE, title="Page size")

    @field_validator("page_param", "offset_param", "cursor_param", check_fields=False)
    @classmethod
    def _is_not_the_size(cls, name: str, info: ValidationInfo) -> str:
        if name == info.data.get("size_param"):
            raise PydanticCustomError("same_param", "This is the size parameter’s name; give another.")
        return name


class NumberedPages(_Sized):
    """Pages are asked for by number."""

    NEXT = "number"
    type: Literal["page"] = "page"
    page_param: ParamName = Field("page", title="Page parameter")
    first_page: Annotated[int, Field(strict=True), AfterValidator(within(0, 1)), bounds(0, 1)] = Field(
        1, title="First page number", description="0 or 1."
    )


class OffsetPages(_Sized):
    """Pages are asked for by the place of their first record."""

    NEXT = "number"
    type: Literal["offset"] = "offset"
    offset_param: ParamName = Field("offset", title="Offset parameter")
    first_offset: Annotated[int, Field(strict=True), AfterValidator(within(0, 1)), bounds(0, 1)] = Field(
        0, title="First offset", description="0; or 1 where the API counts records from 1."
    )


class CursorPages(_Sized):
    """Each answer names the cursor of the next page."""

    NEXT = "cursor"
    type: Literal["cursor"] = "cursor"
    cursor_param: ParamName = Field("cursor", title="Cursor parameter")
    next_cursor_path: PathText = Field(title="Path to the next cursor")


class NextUrlPages(_Paging):
    """Each answer holds the URL of the next page, in its body or in a header."""

    NEXT = "url"
    type: Literal["next_url"] = "next_url"
    next_url_path: PathText | None = Field(None, title="Path to the next page’s URL")
    next_url_header: Annotated[HeaderName | None, Field(validate_default=True)] = Field(
        None, title="Header with the next page’s URL", description="Instead of a path, like Next-Page."
    )

    @field_validator("next_url_header")
    @classmethod
    def _one_of_the_two(cls, header: str | None, info: ValidationInfo) -> str | None:
        if "next_url_path" in info.data and (header is None) == (info.data["next_url_path"] is None):
            raise PydanticCustomError("one_of", "Give either next_url_path or next_url_header.")
        return header


class LinkHeaderPages(_Paging):
    """Each answer has a header `Link: <…>; rel="next"`."""

    NEXT = "url"
    type: Literal["link_header"] = "link_header"


PagingSettings: TypeAlias = Annotated[
    SinglePage | NumberedPages | OffsetPages | CursorPages | NextUrlPages | LinkHeaderPages,
    Field(discriminator="type"),
]
