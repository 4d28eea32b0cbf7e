"""An image that several events have: their files are there as long as one of them has it."""

import asyncio
from contextvars import Context
from pathlib import Path
from typing import Any

from boxoffice.catalog.images.removal import carry_out_removal
from boxoffice.kit.files import Files
from boxoffice.kit.postgres import Database
from catalog.images.pictures import fetch, files_of, halves, has_duplicate, has_image, hash_of, put, saved
from catalog.images.test_stores import queued
from catalog.stage import Person, wait_until_it_waits


async def carry_out_all(db: Database, files: Files, image: dict[str, Any]) -> None:
    """Whatever removal of it waits."""
    for job in await queued(db, hash_of(image)):
        await carry_out_removal(db, files, job.payload)


async def test_a_duplicate_has_the_image_until_the_last_of_those_that_share_it_gives_it_up(
    organizer: Person, stranger: Person, db: Database, folder: Path
):
    files = Files(folder.as_uri())
    event = await organizer.has_draft()
    image = await has_image(organizer, event["id"])
    copy = await has_duplicate(organizer, event["id"])
    second = await has_duplicate(organizer, copy["id"])

    assert copy["image"] == second["image"] == image
    other = saved(halves((300, 300)), "PNG")
    assert (await put(organizer, second["id"], other)).status_code == 200
    assert (await organizer.delete(f"/events/{event['id']}")).status_code == 204
    await carry_out_all(db, files, image)
    assert (await fetch(stranger, image["url"])).status_code == 200
    assert (await organizer.get(f"/events/{copy['id']}")).json()["image"] == image

    assert (await organizer.delete(f"/events/{copy['id']}/image")).status_code == 204
    await carry_out_all(db, files, image)
    assert files_of(folder, hash_of(image)) == []
    shown = (await organizer.get(f"/events/{second['id']}")).json()["image"]
    assert (await fetch(stranger, shown["url"])).status_code == 200


async def test_an_image_is_not_taken_away_while_it_is_being_given_on(
    organizer: Person, db: Database, folder: Path
):
    """Seen to fail when the original is not locked: its image goes, with files that the duplicate has."""
    event = await organizer.has_draft()
    image = await has_image(organizer, event["id"])
    assert (await organizer.post(f"/events/{event['id']}/channels", {"name": "Fans"})).status_code == 201
    async with db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        # Where the duplicate waits, its image written and its channels not.
        await tx.execute("LOCK TABLE channels IN SHARE MODE")
        copying = asyncio.create_task(has_duplicate(organizer, event["id"]), context=Context())
        await wait_until_it_waits(tx, holder, copying)
        copier = await tx.get(
            int, "SELECT pid FROM pg_locks WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid))", holder
        )
        removing = asyncio.create_task(organizer.delete(f"/events/{event['id']}/image"), context=Context())
        await wait_until_it_waits(tx, copier, removing)

    copy = await copying
    assert (await removing).status_code == 204
    await carry_out_all(db, Files(folder.as_uri()), image)
    assert copy["image"] == image
    assert (await fetch(organizer, image["url"])).status_code == 200
