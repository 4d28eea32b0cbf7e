"""The plain pages that links in letters lead to, for a shop that has none of its own.

The token stands behind the `#`: browsers send it to no server and name it in no `Referer`. Nothing happens
before somebody presses the button, so programs that open the links of letters change nothing.
"""

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from boxoffice.accounts.schemas import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem;
       color: #1d2733 }}
input, button {{ display: block; width: 100%; box-sizing: border-box; margin: .5rem 0; padding: .7rem;
                font: inherit; border-radius: .4rem; border: 1px solid #1d3557 }}
button {{ background: #1d3557; color: #fff; cursor: pointer }}
</style>
</head>
<body>
<h1>{title}</h1>
<form id="form" data-path="{path}" data-done="{done}">
{fields}
<button>{button}</button>
</form>
<p id="said" role="status"></p>
<script src="/account-pages.js"></script>
</body>
</html>
"""

# Whoever types on a telephone wants to see what it made of it.
_SHOW = '<label>Show it <input id="show" type="checkbox"></label>'

_SCRIPT = """const form = document.getElementById("form");
const said = document.getElementById("said");
document.getElementById("show")?.addEventListener("change", (changed) => {
  document.getElementById("secret").type = changed.target.checked ? "text" : "password";
});
form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
  const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  const send = (path, body, more) => fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...more },
    body: JSON.stringify(body),
  });
  try {
    let answer;
    if (fields.email) {
      answer = await send("/api/v1/auth/login", fields);
      if (answer.ok) {
        const bearer = `Bearer ${(await answer.json()).access_token}`;
        answer = await send(form.dataset.path, { token }, { Authorization: bearer });
      }
    } else {
      answer = await send(form.dataset.path, { token, ...fields });
    }
    if (answer.ok) {
      form.hidden = true;
      said.textContent = form.dataset.done;
      return;
    }
    const problem = await answer.json();
    said.textContent = problem.errors ? problem.errors.map((each) => each.detail).join(" ") : problem.detail;
  } catch {
    said.textContent = "That did not get through. Try again shortly.";
  }
});
"""


@get("/verify-email", include_in_schema=False, sync_to_thread=False)
def verify_email() -> Response[str]:
    """Confirm an address."""
    return _page(
        "Confirm your e-mail address",
        path="/api/v1/auth/verify-email",
        button="Confirm",
        done="Thank you, the address is confirmed.",
    )


@get("/reset-password", include_in_schema=False, sync_to_thread=False)
def reset_password() -> Response[str]:
    """Set a new password."""
    return _page(
        "Set a new password",
        path="/api/v1/auth/reset-password",
        button="Set it",
        done="Done. Log in with the new password.",
        fields='<label>New password <input id="secret" name="new_password" type="password" '
        f'minlength="{PASSWORD_CHARACTERS_MIN}" maxlength="{PASSWORD_CHARACTERS_MAX}" '
        f'autocomplete="new-password" required></label>{_SHOW}',
    )


@get("/join-team", include_in_schema=False, sync_to_thread=False)
def join_team() -> Response[str]:
    """Log in and join a team."""
    return _page(
        "Join a team",
        path="/api/v1/team/invitations/accept",
        button="Log in and join",
        done="Welcome to the team.",
        fields='<label>E-mail <input name="email" type="email" autocomplete="username" required></label>'
        '<label>Password <input id="secret" name="password" type="password" '
        f'autocomplete="current-password" required></label>{_SHOW}'
        '<label>Code, if you have a second factor <input name="code" autocomplete="one-time-code">'
        "</label>",
    )


@get("/account-pages.js", include_in_schema=False, sync_to_thread=False)
def get_script() -> Response[str]:
    """Serve the pages' script."""
    return Response(_SCRIPT, media_type="text/javascript")


def _page(title: str, *, path: str, button: str, done: str, fields: str = "") -> Response[str]:
    content = _PAGE.format(title=title, path=path, button=button, done=done, fields=fields)
    return Response(content, media_type=MediaType.HTML, headers=_HEADERS)


routes: list[HTTPRouteHandler] = [verify_email, reset_password, join_team, get_script]
