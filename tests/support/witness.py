# SPDX-License-Identifier: Apache-2.0
"""A witness, written from C2SP tlog-witness, tlog-cosignature and RFC 6962 alone: it shares no code with Keystead.

It remembers the last checkpoint of each log that it cosigned in a file, under a lock, before it answers. Its switches
make it slow, dead, wrong or confused.
"""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["RefusalError", "Witness", "policy_of"]

Override = Callable[[], web.Response]


class RefusalError(Exception):
    """What the witness answers instead of a cosignature."""

    def __init__(self, status: int, body: str = "", content_type: str = "text/plain") -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.content_type = content_type


class Witness:
    """One witness on a loopback port. An asynchronous context manager; leaving it is its death.

    Args:
        name: of its key.
        state: the file that it persists to.
        port: where it listens; 0 takes a free one the first time, and the same from then on.

    Attributes:
        logs: the Ed25519 keys that it knows, by origin.
        answer: what it answers instead of doing its work.
        gate: while this is not set, requests wait.
        wrong: it signs other bytes than it should.
        requests: (origin, old size, new size, status) of each.
        overlapping: whether two requests for one log were ever there at once.
        evidence: checkpoints, validly signed, that contradict what it cosigned.
        now: the time in its cosignatures.
    """

    def __init__(self, name: str, state: Path, port: int = 0) -> None:
        self.name = name
        self.port = port
        self.logs: dict[str, bytes] = {}
        self.answer: Override | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.wrong = False
        self.requests: list[tuple[str, int, int, int]] = []
        self.overlapping = False
        self.evidence: list[str] = []
        self.now = 1_800_000_000
        self._inside: list[str] = []
        self._state = state
        self._lock = asyncio.Lock()
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"witness " + name.encode()).digest())
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The submission prefix."""
        return f"http://127.0.0.1:{self.port}/w"

    @property
    def vkey(self) -> str:
        """The key as a vkey: type 0x04."""
        key = b"\x04" + self._key.public_key().public_bytes_raw()
        return f"{self.name}+{self._key_id().hex()}+{base64.b64encode(key).decode()}"

    def know(self, vkey: str) -> None:
        """Trust a log's Ed25519 key."""
        name, _, key = vkey.split("+", 2)
        self.logs[name] = base64.b64decode(key)[1:]

    def sizes(self) -> dict[str, int]:
        """What it has cosigned, by origin."""
        return {origin: size for origin, (size, _) in self._stored().items()}

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=65_536)
        app.router.add_post("/w/add-checkpoint", self._add_checkpoint)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_port=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _add_checkpoint(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        origin, size, *_ = note.split("\n")
        old = int(first.removeprefix("old "))
        self.overlapping |= origin in self._inside
        self._inside.append(origin)
        status = 0
        try:
            await self.gate.wait()
            if self.answer is not None:
                response = self.answer()
            else:
                async with self._lock:  # compare and update as one
                    line = self._cosign(old, proof, note)
                response = web.Response(text=line)
            status = response.status
        except RefusalError as refused:
            status = refused.status
            response = web.Response(status=status, text=refused.body, content_type=refused.content_type)
        finally:
            self._inside.remove(origin)
            self.requests.append((origin, old, int(size), status))
        return response

    def _cosign(self, old: int, proof: list[str], note: str) -> str:
        text, _, lines = note.rpartition("\n\n")
        text += "\n"
        origin, decimal, encoded_root = text.split("\n")[:3]
        size, root = int(decimal), base64.b64decode(encoded_root)
        self._check_signature(origin, text, lines)
        if old > size:
            raise RefusalError(400)
        state = self._stored()
        known, known_root = state.get(origin, (0, ""))
        if old != known:
            raise RefusalError(409, f"{known}\n", "text/x.tlog.size")
        hashes = [base64.b64decode(line) for line in proof]
        if (old == 0 and proof) or (size == 0 and root != hashlib.sha256().digest()):
            raise RefusalError(422)
        if old and not is_consistent(old, bytes.fromhex(known_root), size, root, hashes):
            self.evidence.append(note)
            raise RefusalError(422)
        state[origin] = (size, root.hex())
        self._persist(state)
        message = f"cosignature/v1\ntime {self.now}\n{'another text' if self.wrong else ''}{text}"
        signature = self.now.to_bytes(8) + self._key.sign(message.encode())
        return f"— {self.name} {base64.b64encode(self._key_id() + signature).decode()}\n"

    def _check_signature(self, origin: str, text: str, lines: str) -> None:
        if origin not in self.logs:
            raise RefusalError(404)
        key = self.logs[origin]
        key_id = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
        good = False
        for line in lines.splitlines():
            _, name, encoded = line.split(" ")
            body = base64.b64decode(encoded)
            if (name, body[:4]) != (origin, key_id):
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(body[4:], text.encode())
            except InvalidSignature as error:
                raise RefusalError(403) from error
            good = True
        if not good:
            raise RefusalError(403)

    def _key_id(self) -> bytes:
        key = b"\x04" + self._key.public_key().public_bytes_raw()
        return hashlib.sha256(self.name.encode() + b"\n" + key).digest()[:4]

    def _stored(self) -> dict[str, tuple[int, str]]:
        if not self._state.exists():
            return {}
        return {origin: (size, root) for origin, (size, root) in json.loads(self._state.read_text()).items()}

    def _persist(self, state: dict[str, tuple[int, str]]) -> None:
        fresh = self._state.with_suffix(".new")
        with fresh.open("w") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._state)


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, for 0 < old <= new."""
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    first, second = old - 1, new - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    if not path or any(len(value) != 32 for value in path):
        return False
    from_old = from_new = path[0]
    for value in path[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            from_old, from_new = _node(value, from_old), _node(value, from_new)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            from_new = _node(from_new, value)
        first, second = first >> 1, second >> 1
    return from_old == old_root and from_new == new_root and second == 0


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def policy_of(*witnesses: Witness, quorum: int | str = "all") -> str:
    """A witness policy in which so many of the witnesses are a quorum."""
    names = [witness.name.partition(".")[0] for witness in witnesses]
    lines = [f"witness {name} {each.vkey} {each.url}" for name, each in zip(names, witnesses, strict=True)]
    return "\n".join([*lines, f"group enough {quorum} {' '.join(names)}", "quorum enough", ""])
