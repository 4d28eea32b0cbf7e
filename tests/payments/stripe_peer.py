"""A peer that speaks the part of Stripe's API that we use, and misbehaves on purpose.

It keeps PaymentIntents and refunds, honours idempotency keys as Stripe documents them (the first answer
is given again as it was, be it a refusal or a fault; other parameters are an error), signs its webhooks, and
can fail before or after acting.
What a buyer does in Stripe's own form is done with `pay`, `decline` and `expire_authorisation`.
"""

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import deque
from copy import deepcopy
from enum import Enum, auto
from typing import Any

WEBHOOK_SECRET = "whsec_of_the_tests"
SECRET_KEY = "sk_test_of_the_tests"

# Stripe takes no card payment of less than half a euro.
AMOUNT_MIN = 50

Answer = tuple[int, dict[str, Any]]


class Fault(Enum):
    """What goes wrong with the next request."""

    BROKEN = auto()  # a 500 without having done anything
    BUSY = auto()  # a 429
    LOST = auto()  # done, and the connection dropped before the answer
    KEPT = auto()  # not done, and a 500 that its idempotency key is answered from then on
    KEPT_AND_DONE = auto()  # done, and the same


class StripePeer:
    """Its books; `url` is where it answers. Its clock is slow by so many seconds."""

    page_length = 2
    slow_by = 0

    def __init__(self) -> None:
        self.url = ""
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.disputes: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.faults: deque[Fault] = deque()
        self.is_down = False
        self.asked: list[str] = []
        self.refuses_refunds: set[str] = set()
        self._answers: dict[str, tuple[str, Answer]] = {}
        self._lock = threading.Lock()

    def next_fault(self, key: str | None) -> Fault | None:
        """What goes wrong with a request that comes with this idempotency key; asked once by each."""
        if self.is_down:
            return Fault.BROKEN
        # What is kept is kept for a key.
        is_for_another = key is None and self.faults and self.faults[0] in (Fault.KEPT, Fault.KEPT_AND_DONE)
        return self.faults.popleft() if self.faults and not is_for_another else None

    def intent_of(self, payment_id: str) -> dict[str, Any]:
        """The intent that was made for our payment; there is one, however often it was asked for."""
        found = [
            intent
            for intent in self.intents.values()
            if intent["metadata"].get("boxoffice_payment_id") == payment_id
        ]
        assert len(found) == 1, found
        return found[0]

    def pay(
        self, payment_id: str, *, method: str = "card", amount: int | None = None, currency: str | None = None
    ) -> dict[str, Any]:
        """The buyer pays: a card is authorised, everything else is captured by Stripe itself.

        Who pays by bank transfer may pay any amount; another currency is what no method does, so far.
        """
        intent = self.intent_of(payment_id)
        assert intent["status"] in ("requires_payment_method", "requires_action"), intent
        paid = intent["amount"] if amount is None else amount
        intent["currency"] = currency or intent["currency"]
        if method == "card":
            intent |= {"status": "requires_capture", "amount_capturable": paid}
            return self._happened("payment_intent.amount_capturable_updated", intent)
        intent |= {"status": "succeeded", "amount_received": paid}
        return self._happened("payment_intent.succeeded", intent)

    def fund_in_part(self, payment_id: str) -> dict[str, Any]:
        """A part of a bank transfer has come; it is the buyer's until the rest has, too."""
        intent = self.intent_of(payment_id)
        intent["status"] = "requires_action"
        return self._happened("payment_intent.partially_funded", intent)

    def capture_by_hand(self, payment_id: str, amount: int) -> dict[str, Any]:
        """Somebody takes a part of what was authorised in the dashboard; the rest is let go."""
        intent = self.intent_of(payment_id)
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        return self._happened("payment_intent.succeeded", intent)

    def decline(self, payment_id: str) -> dict[str, Any]:
        """The card is declined; the buyer may try another."""
        return self._happened("payment_intent.payment_failed", self.intent_of(payment_id))

    def expire_authorisation(self, payment_id: str) -> dict[str, Any]:
        """Nobody captured it for a week, or the bank took it back."""
        intent = self.intent_of(payment_id)
        intent |= {"status": "canceled", "amount_capturable": 0}
        return self._happened("payment_intent.canceled", intent)

    def dispute(self, payment_id: str, status: str, *, amount: int | None = None) -> dict[str, Any]:
        """The buyer's bank disputes the payment, or has decided; the event that tells of it."""
        intent = self.intent_of(payment_id)
        before = self.disputes.get(intent["id"])
        self.disputes[intent["id"]] = dispute = {
            "id": f"dp_{intent['id']}",
            "object": "dispute",
            "status": status,
            "amount": (before or intent)["amount"] if amount is None else amount,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "reason": "fraudulent",
            "created": before["created"] if before else self._now(),
        }
        closed = status in ("won", "lost")
        return self._happened(f"charge.dispute.{'closed' if closed else 'created'}", dispute)

    def fail_refund(self, reference: str, reason: str = "declined") -> dict[str, Any]:
        """The buyer's bank sends a refund back; the event that tells of it."""
        refund = next(each for each in self.refunds if each["id"] == reference)
        refund |= {"status": "failed", "failure_reason": reason}
        return self._happened("refund.failed", refund)

    def refund_by_hand(self, payment_id: str, amount: int) -> dict[str, Any]:
        """Somebody gives back in the dashboard; the event that tells of it."""
        status, _ = self.give_back(self.intent_of(payment_id), {"amount": str(amount)})
        assert status == 200
        return self.events[-1]

    def _happened(self, kind: str, intent: dict[str, Any]) -> dict[str, Any]:
        event = {
            "id": f"evt_{len(self.events) + 1}",
            "object": "event",
            "type": kind,
            "data": {"object": dict(intent)},
        }
        self.events.append(event)
        return event

    def answer(
        self, method: str, path: str, form: dict[str, str], key: str | None, fault: Fault | None = None
    ) -> Answer:
        """Do what is asked, or repeat what was answered to this idempotency key."""
        with self._lock:
            self.asked.append(f"{method} {path}")
            asked = json.dumps([path, form], sort_keys=True)
            if key is not None and key in self._answers:
                before, answer = self._answers[key]
                return answer if before == asked else error_of(400, "idempotency_error", "keys_differ")
            answer = error_of(500, "api_error", "broken")
            if fault is not Fault.KEPT:
                done = self._act(method, path.removeprefix("/v1/").split("/"), form)
                answer = answer if fault is Fault.KEPT_AND_DONE else done
            if key is not None:
                self._answers[key] = (asked, deepcopy(answer))
            return answer

    def _act(  # noqa: PLR0911  one for each call
        self, method: str, path: list[str], form: dict[str, str]
    ) -> Answer:
        match method, path:
            case "POST", ["payment_intents"]:
                return self._open(form)
            case "GET", ["payment_intents", intent_id] if intent_id in self.intents:
                intent = self.intents[intent_id]
                return 200, self._with_charge(intent) if form else intent
            case "GET", ["payment_intents"]:
                return self._list(form)
            case "POST", ["payment_intents", intent_id, "capture" | "cancel" as verb] if (
                intent_id in self.intents
            ):
                act = self._capture if verb == "capture" else self._cancel
                return act(self.intents[intent_id])
            case "POST", ["refunds"]:
                return self.give_back(self.intents[form["payment_intent"]], form)
            case "GET", ["refunds"]:
                return self._list_refunds(form)
            case "GET", ["disputes"]:
                return self._list_disputes(form)
            case "GET", ["disputes", dispute_id] if dispute_id.removeprefix("dp_") in self.disputes:
                return 200, self.disputes[dispute_id.removeprefix("dp_")]
            case _:
                return error_of(404, "invalid_request_error", "resource_missing")

    def _list(self, query: dict[str, str]) -> Answer:
        """The intents that were opened then, the newest first, a page at a time; with what went back."""
        since, until = int(query["created[gte]"]), int(query["created[lt]"])
        found = [each for each in self.intents.values() if since <= each["created"] < until]
        status, page = self._page(found, query)
        return status, page | {"data": [self._with_charge(each) for each in page["data"]]}

    def _list_disputes(self, query: dict[str, str]) -> Answer:
        """The disputes that were opened then, likewise."""
        since, until = int(query["created[gte]"]), int(query["created[lt]"])
        found = [each for each in self.disputes.values() if since <= each["created"] < until]
        return self._page(found, query)

    def _list_refunds(self, query: dict[str, str]) -> Answer:
        """Those of an intent, or those that were made then, the newest first, a page at a time."""
        found = [
            each
            for each in self.refunds
            if query.get("payment_intent") in (None, each["payment_intent"])
            and int(query.get("created[gte]", 0)) <= each["created"] < int(query.get("created[lt]", 1 << 40))
        ]
        return self._page(found, query)

    def _page(self, found: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        """So many of these, the newest first, from where the query says."""
        newest_first, length = list(reversed(found)), self.page_length
        names = [each["id"] for each in newest_first]
        start = names.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        page, has_more = newest_first[start : start + length], start + length < len(found)
        return 200, {"object": "list", "data": page, "has_more": has_more, "url": "/v1/x"}

    def _now(self) -> int:
        return int(time.time()) - self.slow_by

    def _with_charge(self, intent: dict[str, Any]) -> dict[str, Any]:
        """The intent with what went back of it; a refund that failed counts no more."""
        refunds = [each for each in self.refunds if each["payment_intent"] == intent["id"]]
        refunded = sum(each["amount"] for each in refunds if each["status"] == "succeeded")
        found = {"object": "list", "data": refunds[-2:], "has_more": len(refunds) > 2}
        return intent | {"latest_charge": {"object": "charge", "amount_refunded": refunded, "refunds": found}}

    def _open(self, form: dict[str, str]) -> Answer:
        if int(form["amount"]) < AMOUNT_MIN:
            return error_of(400, "invalid_request_error", "amount_too_small")
        intent_id = f"pi_{secrets.token_hex(12)}"
        intent = {
            "id": intent_id,
            "object": "payment_intent",
            "status": "requires_payment_method",
            "amount": int(form["amount"]),
            "created": self._now(),
            "amount_capturable": 0,
            "amount_received": 0,
            "currency": form["currency"],
            "client_secret": f"{intent_id}_secret_x",
            "metadata": _metadata(form),
        }
        self.intents[intent_id] = intent
        return 200, intent

    def _capture(self, intent: dict[str, Any]) -> Answer:
        if intent["status"] != "requires_capture":
            return error_of(400, "invalid_request_error", "payment_intent_unexpected_state")
        if intent.get("declines_capture"):
            intent |= {"status": "requires_payment_method", "amount_capturable": 0}
            return error_of(402, "card_error", "card_declined")
        taken = intent["amount_capturable"]
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": taken}
        self._happened("payment_intent.succeeded", intent)
        return 200, intent

    def _cancel(self, intent: dict[str, Any]) -> Answer:
        if intent["status"] in ("succeeded", "canceled"):
            return error_of(400, "invalid_request_error", "payment_intent_unexpected_state")
        intent |= {"status": "canceled", "amount_capturable": 0}
        self._happened("payment_intent.canceled", intent)
        return 200, intent

    def give_back(self, intent: dict[str, Any], form: dict[str, str]) -> Answer:
        """Refund what is left of the intent, or an amount of it."""
        amount = form.get("amount")
        given = sum(
            each["amount"]
            for each in self.refunds
            if each["payment_intent"] == intent["id"] and each["status"] == "succeeded"
        )
        if intent["id"] in self.refuses_refunds:
            return error_of(400, "invalid_request_error", "refund_not_possible")
        left = intent["amount_received"] - given
        if not left:
            return error_of(400, "invalid_request_error", "charge_already_refunded")
        dispute = self.disputes.get(intent["id"])
        if dispute is not None and dispute["status"] not in ("won", "lost"):
            return error_of(400, "invalid_request_error", "charge_disputed")
        if dispute is not None and dispute["status"] == "lost":
            left -= dispute["amount"]
        if left < int(amount or left or 1):
            return error_of(400, "invalid_request_error", "charge_disputed")
        if amount is not None and int(amount) > left:
            return error_of(400, "invalid_request_error", "amount_too_large")
        refund = {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "payment_intent": intent["id"],
            "amount": left if amount is None else int(amount),
            "status": "succeeded",
            "currency": intent["currency"],
            "created": self._now(),
            "metadata": _metadata(form),
        }
        self.refunds.append(refund)
        self._happened("refund.created", refund)
        return 200, refund


def _metadata(form: dict[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in form.items()
        if name.startswith("metadata[")
    }


def error_of(status: int, kind: str, code: str) -> Answer:
    """An error as Stripe answers it."""
    return status, {"error": {"type": kind, "code": code, "message": code.replace("_", " ")}}


def signed(event: dict[str, Any], *, age: int = 0, secret: str = WEBHOOK_SECRET) -> tuple[bytes, str]:
    """A webhook's body and its signature header, made `age` seconds ago."""
    body = json.dumps(event).encode()
    stamp = int(time.time()) - age
    seal = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={stamp},v1={seal}"
