# SPDX-License-Identifier: Apache-2.0
"""`keystead audit`, on folders and on a server in a process of its own."""

from functools import partial
from pathlib import Path

import pytest

from keystead.client.http import HTTPFetcher, Patience
from keystead.testvendor.certificates import to_pem
from support.audited_history import AuditedHistory, small_history
from support.command_line import CommandLine
from support.indexed_log import IndexedLog
from support.log_folder import files_of, write_folder
from support.served_log import ServedLog
from support.world import World


@pytest.fixture
def history() -> AuditedHistory:
    """A log with something of everything."""
    return small_history()


@pytest.fixture
def folder(history: AuditedHistory, tmp_path: Path) -> Path:
    """Its folder."""
    return write_folder(files_of(history.log), tmp_path / "log")


@pytest.fixture
def anchors(history: AuditedHistory, tmp_path: Path) -> Path:
    """The auditor's own anchors: the test vendor's root."""
    (tmp_path / "root.pem").write_text(history.vendor.root_pem())
    path = tmp_path / "anchors.toml"
    path.write_text('[[vendor_anchor]]\nname = "test"\ncertificate = "root.pem"\nformats = ["yubikey-piv"]\n')
    return path


def test_a_folder(keystead: CommandLine, folder: Path, anchors: Path) -> None:
    """Nothing wrong: exit code 0, and the promised members; whose keys were believed is said."""
    ended = keystead("audit", "--folder", folder, "--anchors", anchors, "--json")
    assert ended.code == 0
    document = ended.document
    assert document["ok"] is True
    assert document["problems"] == []
    assert (document["issuance_size"], document["statements_size"]) == (5, 9)
    assert document["heads_checked"] == 0
    assert document["evidence_under_own_anchors"] == document["evidence_checked"] == 3
    assert "trust.json" in ended.err
    ended = keystead("audit", "--folder", folder, "--trust", folder / "trust.json", "--jobs", 1)
    assert (ended.code, ended.err) == (0, "")
    assert "nothing is wrong" in ended.out
    assert "0 under your own anchors" in ended.out


def test_heads_of_the_index(keystead: CommandLine, history: AuditedHistory, tmp_path: Path) -> None:
    """How many heads were compared is said, of how many one was to be, and a wrong one is named."""
    index = IndexedLog(history.log)
    for day in range(4, 9):
        history.day(day)
        history.certificate("Epsilon AS", serial=day)
        index.commit()
    ended = keystead("audit", "--folder", write_folder(files_of(history.log), tmp_path / "right"), "--json")
    assert (ended.document["heads_checked"], ended.document["heads_every"]) == (5, 1)
    every = keystead("audit", "--folder", tmp_path / "right", "--heads-every", 2)
    assert every.code == 0
    assert (
        "3 heads of the device index compared with what both logs lead to: one of 2, and the last."
        in every.out
    )
    history.day(9)
    wrong = index.add_head(map_root=bytes(32))
    ended = keystead("audit", "--folder", write_folder(files_of(history.log), tmp_path / "wrong"), "--json")
    assert ended.code == 1
    assert [(one["code"], one["index"]) for one in ended.document["problems"]] == [
        ("index-head-wrong", wrong.index)
    ]


def test_what_is_wrong(keystead: CommandLine, history: AuditedHistory, folder: Path) -> None:
    """Exit code 1; each problem with its code, its log, its place and a sentence, for programs and for people."""
    path = folder / "issuance/tile/0/000.p/5"
    path.write_bytes(bytes(160))
    history.revoke(history.certificate("Epsilon AS", serial=9), by="South CA")
    other = write_folder(files_of(history.log), folder.parent / "other")
    ended = keystead("audit", "--folder", folder, "--json")
    assert ended.code == 1
    (problem,) = ended.document["problems"]
    assert problem == {
        "code": "tile-altered",
        "log": "log.example/issuance",
        "index": None,
        "path": "issuance/tile/0/000.p/5",
        "signed": False,
        "sentence": "tile/0/000.p/5 does not hold the tree's hashes",
    }
    ended = keystead("audit", "--folder", other)
    assert ended.code == 1
    assert "1 problem" in ended.out
    assert "not-the-issuer" in ended.out
    assert "statement 10 should not be there" in ended.out


def test_continuing(keystead: CommandLine, history: AuditedHistory, folder: Path) -> None:
    """`--from` makes a state and continues from it; hashing alone is another state."""
    state = folder.parent / "state"
    first = keystead("audit", "--folder", folder, "--from", state, "--json")
    assert (first.code, first.document["kept"]) == (0, True)
    history.certificate("Epsilon AS", serial=9)
    write_folder(files_of(history.log), folder)
    second = keystead("audit", "--folder", folder, "--from", state)
    assert second.code == 0
    assert "6, 5 of them checked by an earlier audit" in second.out
    assert "can continue from it" in second.out
    ended = keystead("audit", "--folder", folder, "--from", state, "--hashes-only")
    assert ended.code == 2
    assert "give another file" in ended.err
    (folder / "issuance/tile/0/000.p/6").unlink()
    ended = keystead("audit", "--folder", folder, "--from", folder.parent / "another", "--hashes-only")
    assert ended.code == 1
    assert "Entries were hashed, and not read." in ended.out
    assert "stays as it was" in ended.out


def test_a_fork_is_kept_as_proof(keystead: CommandLine, history: AuditedHistory, folder: Path) -> None:
    """Both checkpoints of a fork are in the answer to a program."""
    state = folder.parent / "state"
    keystead("audit", "--folder", folder, "--from", state)
    history.log = small_history().log
    history.relabel(4, timestamp=history.log.issuance.leaves[4].entry.timestamp - 1)
    history.log.publish()
    write_folder(files_of(history.log), folder)
    ended = keystead("audit", "--folder", folder, "--from", state, "--json")
    assert ended.code == 1
    (fork,) = ended.document["problems"]
    assert fork["code"] == "fork"
    assert set(fork["evidence"]) >= {"old_checkpoint", "new_checkpoint"}


def test_hostile_subjects(keystead: CommandLine, tmp_path: Path) -> None:
    """What strangers wrote reaches no terminal unescaped."""
    history = AuditedHistory()
    history.certificate("Bad \x1b[2J AB", serial=1, ca=history.south)
    history.authorities = (history.north,)
    tree = history.log.issuance
    leaf = tree.leaves[0]
    history.rewrite(0, type(leaf)(leaf.entry, b"", (*leaf.fingerprints[1:],)))
    history.log.publish()
    ended = keystead("audit", "--folder", write_folder(files_of(history.log), tmp_path / "log"))
    assert ended.code == 1
    assert "\x1b" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say which log"),
        (("--folder", "{folder}", "--log", "http://127.0.0.1:9"), "not both"),
        (("--folder", "{empty}"), "has no trust.json"),
        (
            ("--folder", "{folder}", "--trust", "{folder}/trust.json", "--trust", "{folder}/trust.json"),
            "one --trust",
        ),
        (("--folder", "{folder}", "--from", "{note}"), "cannot be used as the state"),
        (("--folder", "{empty}", "--trust", "{folder}/trust.json"), "is not there"),
        (("--log", "http://127.0.0.1:9", "--trust", "{folder}/trust.json"), "cannot be reached"),
    ],
)
def test_what_cannot_be_done(
    keystead: CommandLine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    """Exit code 2 and one sentence."""
    impatient = partial(HTTPFetcher, patience=Patience(attempts=1))
    monkeypatch.setattr("keystead.cli.audit.HTTPFetcher", impatient)
    (folder.parent / "empty").mkdir()
    (folder.parent / "note").write_text("this is no database " * 10)
    places = {"folder": folder, "empty": folder.parent / "empty", "note": folder.parent / "note"}
    ended = keystead("audit", *(argument.format(**places) for argument in arguments))
    assert ended.code == 2
    assert says in ended.err
    assert len(ended.err.strip().splitlines()) <= 2


def test_a_served_log(keystead: CommandLine, tmp_path: Path) -> None:
    """A server is audited over HTTP, and its folder, with all that lies in it, after it stopped."""
    world = World(tmp_path / "world")
    with ServedLog(tmp_path / "data", world.write_policy()) as log:
        for number in range(1, 4):
            leaf = world.leaf(f"Organization {number}", serial=number)
            chain, piece = tmp_path / f"{number}.pem", tmp_path / f"{number}.evidence"
            chain.write_text("".join(map(to_pem, (leaf.precertificate, *leaf.authority.chain))))
            piece.write_bytes(world.evidence(leaf, number).encode())
            submitted = keystead(
                "submit", chain, "--evidence", piece, "--log", log.url, "--trust", log.trust, "--json"
            )
            assert submitted.code == 0, submitted.err
        ended = keystead("audit", "--log", log.url, "--trust", log.trust, "--json", "--jobs", 2)
        assert ended.code == 0, ended.document
        assert (ended.document["issuance_size"], ended.document["evidence_checked"]) == (3, 3)
    ended = keystead("audit", "--folder", tmp_path / "data", "--json")
    assert ended.code == 0, ended.document
    assert ended.document["statements_size"] >= 4  # heads of the device index come on their own
