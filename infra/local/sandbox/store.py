"""The companies' memory: JSON documents in one SQLite file, or in memory. Calls take microseconds: not awaited."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

Document: TypeAlias = dict[str, Any]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS documents (
  kind TEXT NOT NULL, id TEXT NOT NULL, is_open INTEGER NOT NULL, due_at REAL,
  changed_at REAL NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_open ON documents (kind, is_open, changed_at);
CREATE INDEX IF NOT EXISTS documents_due ON documents (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
  number INTEGER PRIMARY KEY, company TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0
);
"""


class Store:
    """Documents by kind and id; open ones are listed on the page, those with ``due_at`` change by themselves."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the files beside it the permissions of this one.
            (folder / "sandbox.sqlite3").touch(mode=0o600)
        path = ":memory:" if folder is None else str(folder / "sandbox.sqlite3")
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Never await inside."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def get(self, kind: str, key: str) -> Document | None:
        row = self._db.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, key: str, body: Document, *, is_open: bool = False, due_at: float | None = None) -> None:
        self._db.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET "
            "is_open = excluded.is_open, due_at = excluded.due_at, "
            "changed_at = excluded.changed_at, body = excluded.body",
            (kind, key, int(is_open), due_at, time.time(), json.dumps(body)),
        )

    def newest(self, kind: str, *, is_open: bool, limit: int) -> list[Document]:
        rows = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? AND is_open = ? ORDER BY changed_at DESC LIMIT ?",
            (kind, int(is_open), limit),
        )
        return [json.loads(row[0]) for row in rows]

    def due(self, kind: str, now: float) -> list[Document]:
        """Documents whose time has come, the earliest first."""
        rows = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? AND due_at <= ? ORDER BY due_at LIMIT 100", (kind, now)
        )
        return [json.loads(row[0]) for row in rows]

    def name(self, name: str, kind: str, key: str) -> None:
        """Make a document findable by another company's name for it."""
        self._db.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (name, kind, key))

    def find_named(self, name: str) -> tuple[str, str] | None:
        """(kind, id)."""
        row = self._db.execute("SELECT kind, id FROM names WHERE name = ?", (name,)).fetchone()
        return None if row is None else (row[0], row[1])

    def add_delivery(self, company: str, body: str, due_at: float) -> None:
        self._db.execute("INSERT INTO deliveries (company, body, due_at) VALUES (?, ?, ?)", (company, body, due_at))

    def due_deliveries(self, now: float) -> list[tuple[int, str, str, int]]:
        """(number, company, body, attempts made)."""
        return self._db.execute(
            "SELECT number, company, body, attempts FROM deliveries WHERE due_at <= ? ORDER BY due_at, number LIMIT 50",
            (now,),
        ).fetchall()

    def postpone_delivery(self, number: int, due_at: float) -> None:
        self._db.execute("UPDATE deliveries SET due_at = ?, attempts = attempts + 1 WHERE number = ?", (due_at, number))

    def end_delivery(self, number: int) -> None:
        self._db.execute("DELETE FROM deliveries WHERE number = ?", (number,))
