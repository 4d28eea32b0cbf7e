"""A person's browser: it keeps the cookie and the access token it was given, and shows all it got."""

from http.cookies import Morsel, SimpleCookie
from typing import Any, Self

import httpx
from litestar import Litestar

PASSWORD = "correct horse battery staple"


class Browser:
    """Talks to one application in this process."""

    def __init__(self, app: Litestar, email: str, cookie: str | None = None) -> None:
        self.app = app
        self.email = email
        self.cookie = cookie
        self.access_token = ""
        self.name = "Ada"
        self.address = "127.0.0.1"

    def copy(self, app: Litestar | None = None) -> Self:
        """Another one with the same cookie, perhaps at another process of the service."""
        return type(self)(app or self.app, self.email, self.cookie)

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send it as it is, without cookies of its own accord."""
        client = (self.address, 4711)
        transport = httpx.ASGITransport(self.app, client=client)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client:
            return await client.request(method, path, **request)

    async def register(self, password: str = PASSWORD, name: str = "Ada", **more: Any) -> httpx.Response:
        """Make the account."""
        body = {"email": self.email, "password": password, "name": name, **more}
        return await self.send("POST", "/auth/register", json=body)

    async def log_in(
        self, password: str = PASSWORD, code: str | None = None, **request: Any
    ) -> httpx.Response:
        """Log in and keep what was given."""
        body = {"email": self.email, "password": password} | ({} if code is None else {"code": code})
        return self._kept(await self.send("POST", "/auth/login", json=body, **request))

    async def refresh(self, **headers: str) -> httpx.Response:
        """Refresh and keep what was given."""
        return self._kept(await self.send("POST", "/auth/refresh", headers=self._cookies() | headers))

    async def log_out(self, **headers: str) -> httpx.Response:
        """Log out; the cookie is kept, for those who try it again."""
        return await self.send("POST", "/auth/logout", headers=self._cookies() | headers)

    async def me(self) -> httpx.Response:
        """Ask who we are."""
        return await self.send("GET", "/me", headers={"Authorization": f"Bearer {self.access_token}"})

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request with the access token and the cookie."""
        signed = self._cookies() | {"Authorization": f"Bearer {self.access_token}"} | headers
        return await self.send(method, path, headers=signed, **({} if body is None else {"json": body}))

    def _cookies(self) -> dict[str, str]:
        return {} if self.cookie is None else {"Cookie": f"theme=dark; {self.cookie}"}

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            morsel = set_cookie(answer)
            self.cookie = f"{morsel.key}={morsel.value}"
            self.access_token = answer.json()["access_token"]
        return answer


def set_cookie(answer: httpx.Response) -> Morsel[str]:
    """The one cookie an answer sets."""
    (header,) = answer.headers.get_list("set-cookie")
    (morsel,) = SimpleCookie(header).values()
    return morsel
