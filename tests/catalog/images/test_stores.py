"""Where the files are: a folder, or a bucket of a real S3 server; when they come and when they go."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.catalog.images import event_image
from boxoffice.catalog.images.encoder import Encoder
from boxoffice.catalog.images.event_image import UNUSED_KEPT
from boxoffice.catalog.images.removal import (
    REMOVE_IMAGE_JOB,
    REPLACED_KEPT,
    Removal,
    carry_out_removal,
)
from boxoffice.command.doctor import examine
from boxoffice.command.findings import Verdict
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.files import Files
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from catalog.images.pictures import (
    everything_in,
    fetch,
    files_of,
    halves,
    has_duplicate,
    has_image,
    hash_of,
    png_of,
    put,
    saved,
)
from catalog.stage import Person, person
from kit.test_jobs import working
from server import free_port, wait_until
from web import running

BUCKET = "boxoffice"

# Any pair will do: the server is told that these are its keys, and checks every signature with them.
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIEXAMPLEKEY"}


class _Queued(msgspec.Struct, frozen=True):
    """A removal that waits, and for how long it was put off."""

    payload: bytes
    delay: timedelta


async def queued(db: Database, image_hash: str) -> list[_Queued]:
    """The removals of an image in the queue, the longest put off first."""
    return await db.list(
        _Queued,
        """
        SELECT payload, date_trunc('minute', execute_after - created + interval '1 second') AS delay
          FROM pgqueuer
         WHERE entrypoint = $1 AND position($2::bytea in payload) > 0
         ORDER BY execute_after DESC
        """,
        REMOVE_IMAGE_JOB,
        image_hash.encode(),
    )


async def test_files_of_a_replaced_image_are_kept_for_an_hour_and_of_a_deleted_one_no_longer(
    organizer: Person, stranger: Person, db: Database, folder: Path
):
    event = await organizer.has_event()
    old = await has_image(organizer, event["id"])
    new = await has_image(organizer, event["id"], saved(halves((300, 300)), "PNG"))

    assert (await fetch(stranger, old["url"])).status_code == 200
    assert [each.delay for each in await queued(db, hash_of(old))] == [REPLACED_KEPT, UNUSED_KEPT]

    assert (await organizer.delete(f"/events/{event['id']}/image")).status_code == 204
    deleted = await organizer.get(f"/events/{event['id']}")
    assert (await organizer.delete(f"/events/{event['id']}/image")).status_code == 204

    assert deleted.json()["image"] is None
    assert deleted.json()["revision"] == event["revision"] + 3
    assert [each.delay for each in await queued(db, hash_of(new))] == [UNUSED_KEPT, timedelta(0)]
    files = Files(folder.as_uri())
    for image in (old, new):
        for job in await queued(db, hash_of(image)):
            await carry_out_removal(db, files, job.payload)
        assert files_of(folder, hash_of(image)) == []
        assert (await fetch(stranger, image["url"])).status_code == 404


async def test_a_removal_that_comes_while_the_image_is_shown_leaves_it(
    organizer: Person, db: Database, folder: Path
):
    event = await organizer.has_event()
    image = await has_image(organizer, event["id"])
    [job] = await queued(db, hash_of(image))

    await carry_out_removal(db, Files(folder.as_uri()), job.payload)

    assert (await fetch(organizer, image["url"])).status_code == 200


async def test_a_picture_that_comes_back_has_other_files_so_the_removal_of_the_first_harms_it_not(
    organizer: Person, db: Database, folder: Path
):
    event = await organizer.has_event()
    one, other = saved(halves(), "PNG"), saved(halves((300, 300)), "PNG")
    first = await has_image(organizer, event["id"], one)
    await has_image(organizer, event["id"], other)
    again = await has_image(organizer, event["id"], one)

    for job in await queued(db, hash_of(first)):
        await carry_out_removal(db, Files(folder.as_uri()), job.payload)

    assert files_of(folder, hash_of(first)) == []
    assert (await fetch(organizer, again["url"])).status_code == 200


async def test_the_files_of_a_draft_go_with_it(organizer: Person, db: Database, dsn: str, folder: Path):
    """By the worker, once the transaction that deleted the draft has committed."""
    draft = await organizer.has_draft()
    image = await has_image(organizer, draft["id"])
    assert files_of(folder, hash_of(image))

    async def remove(payload: bytes) -> None:
        await carry_out_removal(db, Files(folder.as_uri()), payload)

    assert (await organizer.delete(f"/events/{draft['id']}")).status_code == 204
    async with working(dsn, {REMOVE_IMAGE_JOB: remove}), asyncio.timeout(20):
        while files_of(folder, hash_of(image)):
            await asyncio.sleep(0.02)
    assert (await fetch(organizer, image["url"])).status_code == 404


class _DyingFiles(Files):
    """Everything is stored, and then the process is gone."""

    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        await super().put_all(contents)
        raise ZeroDivisionError


async def test_a_crash_between_storing_and_committing_leaves_files_that_nobody_sees_and_a_job_removes(
    organizer: Person, db: Database, folder: Path
):
    draft = await organizer.has_draft()
    assert organizer.identity
    before = everything_in(folder)

    with pytest.raises(ZeroDivisionError):
        await event_image.put_image(
            db,
            _DyingFiles(folder.as_uri()),
            Encoder(),
            organizer.identity,
            draft["id"],
            saved(halves(), "PNG"),
        )

    left = everything_in(folder) - before
    assert len(left) == 4
    assert (await organizer.get(f"/events/{draft['id']}")).json() == draft
    image_hash = next(iter(left)).name.split("-")[1]
    [job] = await queued(db, image_hash)
    assert job.delay == UNUSED_KEPT
    await carry_out_removal(db, Files(folder.as_uri()), job.payload)
    assert everything_in(folder) == before


async def test_who_was_stopped_for_too_long_commits_nothing(
    organizer: Person, monkeypatch: pytest.MonkeyPatch
):
    """By then the job may have removed what was stored."""
    draft = await organizer.has_draft()
    monkeypatch.setattr(event_image, "COMMIT_WITHIN", timedelta(0))
    answer = await put(organizer, draft["id"], saved(halves(), "PNG"))

    assert answer.status_code == 503
    assert (await organizer.get(f"/events/{draft['id']}")).json() == draft


def test_what_is_not_committed_in_time_cannot_be_committed_when_its_files_go():
    assert event_image.COMMIT_WITHIN < UNUSED_KEPT


async def test_of_images_that_are_put_at_once_one_is_shown_and_all_others_go(
    organizer: Person, db: Database, folder: Path
):
    event = await organizer.has_event()
    sent = [saved(halves((100 + number, 50)), "PNG") for number in range(4)]
    before = everything_in(folder)

    answers = await asyncio.gather(*(put(organizer, event["id"], content) for content in sent))

    assert [answer.status_code for answer in answers] == [200] * 4
    seen = (await organizer.get(f"/events/{event['id']}")).json()
    assert seen["revision"] == event["revision"] + 4
    assert seen["image"] in [answer.json()["image"] for answer in answers]
    for answer in answers:
        for job in await queued(db, hash_of(answer.json()["image"])):
            await carry_out_removal(db, Files(folder.as_uri()), job.payload)
    assert everything_in(folder) - before == set(files_of(folder, hash_of(seen["image"])))


async def test_of_images_that_are_put_with_one_etag_one_is_taken_and_nobodys_is_lost(organizer: Person):
    """Seen to fail when the ETag is compared before the event is locked only."""
    draft = await organizer.has_draft()
    seen = {"If-Match": (await organizer.get(f"/events/{draft['id']}")).headers["etag"]}
    path = f"/events/{draft['id']}/image"
    sent = [saved(halves((100 + number, 50)), "PNG") for number in range(3)]

    answers = await asyncio.gather(*(put(organizer, draft["id"], each, headers=seen) for each in sent))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    lost = next(answer for answer in answers if answer.status_code == 412)
    assert (lost.json()["type"], lost.json()["revision"]) == ("/problems/event-has-changed", 2)
    [taken] = [answer for answer in answers if answer.status_code == 200]
    stale = await organizer.client.delete(path, headers=organizer.headers | seen)
    assert stale.status_code == 412
    assert (await organizer.get(f"/events/{draft['id']}")).json()["image"] == taken.json()["image"]
    now = {"If-Match": taken.headers["etag"]}
    assert (await organizer.client.delete(path, headers=organizer.headers | now)).status_code == 204


async def test_no_file_is_asked_for_inside_a_transaction(db: Database, folder: Path):
    files = Files(folder.as_uri())
    async with db.transaction():
        for call in (files.put_all({"a": b"b"}), files.find("a"), files.delete_all(["a"])):
            with pytest.raises(RuntimeError, match="inside a transaction"):
                await call


async def test_a_folder_that_cannot_be_used_is_an_outage(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    files = Files((tmp_path / "file").as_uri())

    for call in (files.put_all({"a": b"b"}), files.find("a"), files.delete_all(["a"])):
        with pytest.raises(Unavailable):
            await call


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a SeaweedFS that lasts for this module: an S3 server that is used for real."""
    folder = tmp_path_factory.mktemp("s3")
    ports = {name: free_port() for name in ("s3", "master", "volume", "filer", "admin")}
    grpc_ports = {name: free_port() for name in ports}
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    command = [
        *(Path(sys.executable).with_name("weed"), "mini", f"-dir={folder}", f"-bucket={BUCKET}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false", "-admin.ui=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={port}" for name, port in grpc_ports.items()),
    ]
    environment = os.environ | KEYS | {"TMPDIR": str(folder)}  # its logs go there
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return "ready" in (folder / "log").read_text() and httpx.get(endpoint).status_code < 500
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, 30, (folder / "log").read_text)
        yield endpoint
    finally:
        process.kill()
        process.wait()
        # Whatever it is told, it makes these there, and leaves them.
        ours = {str(port) for port in (*ports.values(), *grpc_ports.values())}
        for each in Path("/tmp").glob("seaweedfs-*.sock"):  # noqa: S108
            if each.stem.rpartition("-")[2] in ours:
                each.unlink()


@pytest_asyncio.fixture
async def bucket(
    s3: str, dsn: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[Litestar, Files, Person]]:
    """An application that keeps its files there, the same files, and an organizer."""
    for name, value in {**KEYS, "AWS_ENDPOINT": s3, "AWS_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{BUCKET}/a/prefix"
    files = Files(url)
    # The bucket is made a moment after the server answers.
    async with asyncio.timeout(20):
        while not await _is_there(files):
            await asyncio.sleep(0.1)
    async with running(Settings(jobs_inside=False, files_url=url), dsn) as application:
        transport = httpx.ASGITransport(application)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client:
            yield application, files, await person(application, client, db, Role.ORGANIZER)


async def _is_there(files: Files) -> bool:
    try:
        await files.put_all({"probe": b"probe"})
    except Unavailable:
        return False
    return True


async def test_a_bucket_keeps_what_a_folder_keeps(bucket: tuple[Litestar, Files, Person], db: Database):
    _, files, organizer = bucket
    event = await organizer.has_event()

    image = await has_image(organizer, event["id"])
    stored = f"event-images/{event['id']}-{hash_of(image)}-640.jpg"

    answer = await fetch(organizer, image["url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert await files.find(stored) == answer.content
    payload = msgspec.json.encode(Removal(event["id"], hash_of(image)))
    await carry_out_removal(db, files, payload)
    assert await files.find(stored) is not None
    copy = await has_duplicate(organizer, event["id"])
    assert (await organizer.delete(f"/events/{event['id']}/image")).status_code == 204
    await carry_out_removal(db, files, payload)
    assert (await fetch(organizer, copy["image"]["url"])).status_code == 200
    assert (await organizer.delete(f"/events/{copy['id']}/image")).status_code == 204
    for _ in range(2):
        await carry_out_removal(db, files, payload)
    assert await files.find(stored) is None
    assert (await fetch(organizer, image["url"])).status_code == 404


async def test_a_bucket_that_refuses_our_keys_is_an_outage_that_changes_nothing(
    bucket: tuple[Litestar, Files, Person], monkeypatch: pytest.MonkeyPatch, db: Database
):
    _, _, organizer = bucket
    draft = await organizer.has_draft()
    assert organizer.identity
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another key")
    files = Files(f"s3://{BUCKET}/a/prefix")

    with pytest.raises(Unavailable):
        await event_image.put_image(db, files, Encoder(), organizer.identity, draft["id"], png_of(9, 9))

    assert (await organizer.get(f"/events/{draft['id']}")).json() == draft


async def test_a_store_that_is_away_is_an_outage(monkeypatch: pytest.MonkeyPatch):
    for name, value in {**KEYS, "AWS_ENDPOINT": f"http://127.0.0.1:{free_port()}"}.items():
        monkeypatch.setenv(name, value)
    files = Files("s3://nowhere")

    with pytest.raises(Unavailable, match="file store"):
        await files.find("a")


async def test_doctor_says_whether_the_bucket_answers(
    bucket: tuple[Litestar, Files, Person], monkeypatch: pytest.MonkeyPatch
):
    def found() -> list[Verdict]:
        settings = Settings(
            files_url=f"s3://{BUCKET}/a/prefix", database_url="postgresql://nobody@127.0.0.1:1/"
        )
        return [each.verdict for each in examine(settings) if each.subject.startswith("Images in s3://")]

    assert await asyncio.to_thread(found) == [Verdict.FINE]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another key")
    assert await asyncio.to_thread(found) == [Verdict.WRONG]
