# SPDX-License-Identifier: Apache-2.0
"""A log comes into being, or does not.

Creation happens inside an absent or empty folder, in this order: the mark `creating`, the keys, the settings,
the stores with entry 0 of the statement log (the first policy), and last the mark is removed, durably. A folder
with the mark belongs to a creation that was cut short: nobody was told of that log, no promise was made with its
keys, and the next start begins anew. A folder with anything else in it is not ours to write into.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from keystead.errors import StoreError
from keystead.statements.payloads import LogPolicy, sign_statement
from keystead.tlog.checkpoint import Checkpoint, sign_checkpoint
from keystead.tlog.merkle import EMPTY_ROOT
from keystead_server.configuration import Configuration
from keystead_server.log.batch import LogIdentity, LogState, build_batch
from keystead_server.log.commit import commit_batch
from keystead_server.log.keys import create_keys
from keystead_server.log.operations import AddStatement
from keystead_server.log.snapshot import Stores
from keystead_server.log.tree import Tree
from keystead_server.settings import Settings
from keystead_server.storage.interface import Heads

__all__ = ["CREATING", "SETTINGS", "create_log", "is_created", "policy_operation"]

CREATING = "creating"
"""The mark of a folder in which a log is being created."""

SETTINGS = "settings.json"

LOCK = "lock"
"""The file that the running server locks; it may lie in an empty folder."""


def is_created(folder: Path) -> bool:
    """Whether `folder`, locked by the caller, holds a log; False where one is to be created.

    A creation that was cut short is cleared away.

    Raises:
        StoreError: the folder holds something else.
    """
    names = {path.name for path in folder.iterdir()} - {LOCK}
    if CREATING in names:
        for path in folder.iterdir():
            # The mark goes last: cut short here, too, the folder is still known as ours.
            if path.name not in {LOCK, CREATING}:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        (folder / CREATING).unlink()
        return False
    if not names:
        return False
    missing = {SETTINGS, "keys"} - names
    if len(missing) == 2:
        raise StoreError(f"{folder} is not empty and holds no log: give an empty or absent folder")
    if missing:
        raise StoreError(f"{folder} holds a log without its {missing.pop()}: restore it from a backup")
    return True


def create_log(
    folder: Path,
    settings: Settings,
    configuration: Configuration,
    open_stores: Callable[[], Stores],
    now_ms: int,
) -> None:
    """Create a log in `folder`, which is empty and locked by the caller.

    Args:
        folder: where the log will live.
        settings: its name and URL.
        configuration: its first policy and roots.
        open_stores: creates both stores in the folder.
        now_ms: the time of its first entry.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        _write(folder / CREATING, b"")
        _sync(folder)
        keys = create_keys(folder / "keys")
        _write(folder / SETTINGS, settings.encode())
        _sync(folder)
        stores = open_stores()
        try:
            _first_batch(stores, LogIdentity(settings.name, keys), configuration, now_ms)
        finally:
            stores.close()
        (folder / CREATING).unlink()
        _sync(folder)
    except OSError as error:
        raise StoreError(f"no log can be created in {folder}: {error.strerror or error}") from error


def _first_batch(stores: Stores, identity: LogIdentity, configuration: Configuration, now_ms: int) -> None:
    stores.heads.take_over()
    empty = Heads(
        issuance=sign_checkpoint(
            Checkpoint(identity.issuance_origin, 0, EMPTY_ROOT),
            identity.keys.checkpoint,
            sct_key=identity.keys.sct,
            timestamp=now_ms,
        ),
        statements=b"",
        time=now_ms - 1,
    )
    batch = build_batch(
        [policy_operation(identity, configuration, now_ms, policy_index=0)],
        LogState(empty, (), ()),
        Tree.load(stores.blobs, "issuance/", 0, EMPTY_ROOT),
        Tree.load(stores.blobs, "statements/", 0, EMPTY_ROOT),
        identity,
        now_ms,
    )
    commit_batch(
        stores.blobs,
        stores.heads,
        expected=None,
        new=batch.state.heads,
        support=batch.first,
        objects=batch.objects,
        rows=batch.rows,
    )


def policy_operation(
    identity: LogIdentity, configuration: Configuration, now_ms: int, *, policy_index: int
) -> AddStatement:
    """The `log-policy` statement that puts a policy into force, with the objects that it needs.

    Args:
        policy_index: the leaf index of the policy in force before it.
    """
    document = configuration.policy.encode()
    payload = LogPolicy(
        log=identity.statements_origin,
        issued=now_ms // 1000,
        policy=configuration.policy.digest,
        successor=configuration.successor,
    )
    envelope = sign_statement(identity.keys.statement, payload)
    objects = [(f"policy/{configuration.policy.digest.hex()}", document)]
    objects += [(f"issuance/issuer/{digest.hex()}", der) for digest, der in configuration.roots.items()]
    return AddStatement(
        envelope=envelope,
        known_by=envelope.identity,
        registers=True,
        policy_index=policy_index,
        objects=tuple(objects),
    )


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
