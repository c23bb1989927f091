"""The schema: built by migrations, equal to the declared tables, safe to migrate concurrently."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text

from alembic import command
from storage import migrate
from storage.engine import open_engine
from storage.errors import DatabaseDown, StorageError
from tests.places import ROOT


def test_migrations_agree_with_the_tables_and_can_be_undone(blank_url: str) -> None:
    assert not migrate.is_current(blank_url)
    migrate.upgrade(blank_url)
    assert migrate.is_current(blank_url)
    engine = open_engine(blank_url, foreign_keys=False)
    with engine.begin() as connection:
        command.check(migrate.alembic_config(connection))
    with engine.begin() as connection:
        command.downgrade(migrate.alembic_config(connection), "base")
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 0
    engine.dispose()
    migrate.upgrade(blank_url)
    assert migrate.is_current(blank_url)


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)
    assert migrate.is_current(database_url)


def test_two_processes_may_migrate_at_once(blank_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=migrate.upgrade, args=(blank_url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert migrate.is_current(blank_url)


def test_a_database_of_a_newer_version_is_rejected_with_a_reason(database_url: str) -> None:
    engine = open_engine(database_url)
    try:
        with engine.begin() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert not migrate.is_current(database_url)
        with pytest.raises(StorageError, match="newer Rapport"):
            migrate.upgrade(database_url)
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": found})
        engine.dispose()


def test_checking_the_version_creates_no_file(tmp_path: Path) -> None:
    assert not migrate.is_current(f"sqlite:///{tmp_path / 'none.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_respond_is_reported_as_down() -> None:
    with pytest.raises(DatabaseDown):
        migrate.upgrade("postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_a_file_that_is_not_a_database_is_reported_as_such(tmp_path: Path) -> None:
    path = tmp_path / "rapport.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageError, match="not a database"):
        migrate.upgrade(f"sqlite:///{path}")


def test_the_wheel_carries_the_migrations(tmp_path: Path) -> None:
    for name in ("storage", "bot", "integrations", "inference", "alembic"):
        shutil.copytree(
            ROOT / name,
            tmp_path / "src" / name,
            ignore=shutil.ignore_patterns("__pycache__", "weights"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "src")
    (tmp_path / "src" / "README.md").write_text("Rapport\n")
    build = "from hatchling.build import build_wheel; print(build_wheel('..'))"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "src", check=True, timeout=60)
    wheel = next(tmp_path.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert not (tmp_path / "site" / "alembic").exists()
    script = "from storage import migrate; migrate.upgrade('sqlite:///made.db')"
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); {script}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    made = sqlite3.connect(tmp_path / "made.db")
    assert made.execute("SELECT version_num FROM alembic_version").fetchone()
    made.close()
