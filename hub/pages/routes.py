"""HTTP of the pages, for their editors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from msgspec import structs

from hub.db.ids import uuid7
from hub.errors import Conflict, NotFound, VersionMismatch
from hub.pages import editing, store
from hub.pages.documents import (
    AtVersion,
    ChangePage,
    CreatePage,
    DeletePage,
    ListPages,
    OnePage,
    OneVersion,
    PageHistory,
    PageList,
    PublishPage,
    ReadHistory,
    ReadVersion,
    RestorePage,
)
from hub.pages.editing import Change
from hub.pages.writing import Writing
from hub.security.permissions import Permission
from hub.web.endpoint import Guarded, GuardedRun, Method, Spec
from hub.web.gate import Gate, in_path, path_id, query

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.db.database import Database
    from hub.db.scope import Scope
    from hub.security.principal import Principal

_PAGES: Final = "/api/v1/pages"
_PAGE: Final = f"{_PAGES}/{{page_id}}"
_STALE: Final = (NotFound, VersionMismatch, Conflict)


def routes(gate: Gate, database: Database) -> list[Guarded]:
    writing = Writing()

    async def run(principal: Principal, work: Callable[[Scope, Change], Awaitable[OnePage]]) -> OnePage:
        change, tried = Change(uuid7(), principal.id), False

        async def once(scope: Scope) -> OnePage:
            nonlocal tried
            # A commit of this change may still be on its way: then this waits for it.
            await store.lock(scope)
            if tried and (page := await store.changed_by(scope, change.id)) is not None:
                return OnePage(page)
            tried = True
            return await work(scope, change)

        return await database.transaction(principal.tenant_id, principal.actor(), once, idempotent=True)

    async def listed(request: Request, principal: Principal) -> PageList:
        wanted = query(request, ListPages)
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            return PageList(await store.pages(scope, deleted=wanted.deleted))

    async def read(request: Request, principal: Principal) -> OnePage:
        page_id = path_id(request, "page_id")
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            page = await store.page(scope, page_id)
        if page is None:
            raise NotFound("There is no such page.", field="page_id")
        return OnePage(page)

    async def create(request: Request, principal: Principal) -> OnePage:
        wish = await gate.read(request, CreatePage)
        written = await writing.cleaned(principal.tenant_id, structs.asdict(wish))
        return await run(principal, lambda scope, change: editing.create(scope, change, written))

    async def change(request: Request, principal: Principal) -> OnePage:
        page_id, wish = path_id(request, "page_id"), await gate.read(request, ChangePage)
        written = await writing.cleaned(principal.tenant_id, editing.named_in(wish))
        expected = wish.expected_version
        return await run(
            principal, lambda scope, change: editing.change_to(scope, change, page_id, expected, written)
        )

    async def publish(request: Request, principal: Principal) -> OnePage:
        page_id, wish = path_id(request, "page_id"), await gate.read(request, PublishPage)
        return await run(principal, lambda scope, change: editing.publish(scope, change, page_id, wish))

    async def unpublish(request: Request, principal: Principal) -> OnePage:
        page_id = path_id(request, "page_id")
        version = (await gate.read(request, AtVersion)).expected_version
        return await run(principal, lambda scope, change: editing.unpublish(scope, change, page_id, version))

    async def restore(request: Request, principal: Principal) -> OnePage:
        page_id, wish = path_id(request, "page_id"), await gate.read(request, RestorePage)
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            written = await editing.written_in(scope, page_id, wish.version)
        if written is not None:  # cleaned again: the rules may have become stricter since
            written = await writing.cleaned(principal.tenant_id, written)
        return await run(
            principal, lambda scope, change: editing.restore(scope, change, page_id, wish, written)
        )

    async def delete(request: Request, principal: Principal) -> OnePage:
        page_id, version = path_id(request, "page_id"), query(request, DeletePage).expected_version
        return await run(principal, lambda scope, change: editing.delete(scope, change, page_id, version))

    async def history(request: Request, principal: Principal) -> PageHistory:
        page_id, wanted = path_id(request, "page_id"), query(request, ReadHistory)
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            found = await store.history(scope, page_id, wanted.before, wanted.limit + 1)
            if not found and await store.page(scope, page_id) is None:
                raise NotFound("There is no such page.", field="page_id")
        page = found[: wanted.limit]
        return PageHistory(page, page[-1].version if len(found) > wanted.limit else None)

    async def version(request: Request, principal: Principal) -> OneVersion:
        page_id, number = path_id(request, "page_id"), in_path(request, ReadVersion).version
        async with database.read(principal.tenant_id, principal.actor()) as scope:
            found = await store.version(scope, page_id, number)
        if found is None:
            raise NotFound("There is no such version of such a page.", field="version")
        return OneVersion(found)

    def editors(method: Method, path: str, run: GuardedRun, spec: Spec) -> Guarded:
        return Guarded(gate, Permission.PAGE_MANAGE, method, path, run, spec)

    return [
        editors(
            "GET",
            _PAGES,
            listed,
            Spec(
                name="listPages",
                summary="The hotel's pages, without their content",
                tag="pages",
                query=ListPages,
                result=PageList,
            ),
        ),
        editors(
            "POST",
            _PAGES,
            create,
            Spec(
                name="createPage",
                summary="A new page, which nobody sees yet; its HTML is cleaned",
                tag="pages",
                body=CreatePage,
                result=OnePage,
                status=HTTPStatus.CREATED,
                errors=(Conflict,),
            ),
        ),
        editors(
            "GET",
            _PAGE,
            read,
            Spec(name="readPage", summary="One page", tag="pages", result=OnePage, errors=(NotFound,)),
        ),
        editors(
            "PATCH",
            _PAGE,
            change,
            Spec(
                name="changePage",
                summary="Change what a page says, or where it stands",
                tag="pages",
                body=ChangePage,
                result=OnePage,
                errors=_STALE,
            ),
        ),
        editors(
            "DELETE",
            _PAGE,
            delete,
            Spec(
                name="deletePage",
                summary="Take a page away; it can be restored",
                tag="pages",
                query=DeletePage,
                result=OnePage,
                errors=(NotFound, VersionMismatch),
            ),
        ),
        editors(
            "POST",
            f"{_PAGE}/publish",
            publish,
            Spec(
                name="publishPage",
                summary="Let guests see a page, at once or from a moment to another one",
                tag="pages",
                body=PublishPage,
                result=OnePage,
                errors=_STALE,
            ),
        ),
        editors(
            "POST",
            f"{_PAGE}/unpublish",
            unpublish,
            Spec(
                name="unpublishPage",
                summary="Let no guest see a page any more",
                tag="pages",
                body=AtVersion,
                result=OnePage,
                errors=(NotFound, VersionMismatch),
            ),
        ),
        editors(
            "GET",
            f"{_PAGE}/history",
            history,
            Spec(
                name="readPageHistory",
                summary="Who has made which version of a page, latest first",
                tag="pages",
                query=ReadHistory,
                result=PageHistory,
                errors=(NotFound,),
            ),
        ),
        editors(
            "GET",
            f"{_PAGE}/history/{{version}}",
            version,
            Spec(
                name="readPageVersion",
                summary="One version of a page, whole, to be compared with another one",
                tag="pages",
                path=ReadVersion,
                result=OneVersion,
                errors=(NotFound,),
            ),
        ),
        editors(
            "POST",
            f"{_PAGE}/restore",
            restore,
            Spec(
                name="restorePage",
                summary="Make what an earlier version says the newest one; a deleted page comes back",
                tag="pages",
                body=RestorePage,
                result=OnePage,
                errors=_STALE,
            ),
        ),
    ]
