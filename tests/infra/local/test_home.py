"""The platform's folder: made private, refused in one sentence, wiped only when it is ours."""

import os
import stat
from pathlib import Path

import pytest

from infra.local.faults import AlreadyRunning, HomeUnusable, NotRunning
from infra.local.home import Home, Record, default_home


def test_a_home_is_made_with_private_folders(place: Path) -> None:
    """Also a home of an earlier version, whose sandbox others could read."""
    home = Home(place)
    home.prepare()
    home.sandbox.chmod(0o755)
    home.prepare()
    for folder in (home.logs, home.identity, home.ministack, home.letters, home.sandbox):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.stat().st_mode) & stat.S_IROTH == 0


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(HomeUnusable, match=r"thesis\.tex"):
        Home(tmp_path).prepare()
    with pytest.raises(HomeUnusable):
        Home(tmp_path).wipe()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("where", ["file", "below_a_file", "where_nobody_writes"])
def test_a_place_that_cannot_hold_a_folder_is_refused_in_one_sentence(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    path = {
        "file": tmp_path / "file",
        "below_a_file": tmp_path / "file" / "home",
        "where_nobody_writes": Path("/proc/bilhetagem"),
    }[where]
    with pytest.raises(HomeUnusable) as refusal:
        Home(path).prepare()
    assert "choose another --home." in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(HomeUnusable, match="no permission"):
        Home(tmp_path / "home").prepare()


def test_wiping_forgets_everything_but_the_folder(place: Path) -> None:
    home = Home(place)
    home.prepare()
    (home.identity / "secret").write_text("s")
    (home.postgres / "data").mkdir(parents=True)
    home.wipe()
    assert not home.identity.exists()
    assert not home.postgres.exists()
    home.prepare()


def test_only_one_platform_runs_in_a_home(place: Path) -> None:
    home = Home(place)
    home.prepare()
    with home.locked(), pytest.raises(AlreadyRunning, match="bilhetagem down"), home.locked():
        pass
    with home.locked():
        pass


def test_a_record_counts_only_while_its_platform_runs(place: Path) -> None:
    """A record that a killed platform left behind is not believed."""
    home = Home(place)
    home.prepare()
    record = Record(pid=os.getpid(), status={"gateway": "http://127.0.0.1:1/graphql"}, parts={})
    with home.locked():
        home.write_record(record)
        assert home.record() == record
        assert stat.S_IMODE(home.record_file.stat().st_mode) == 0o600
    with pytest.raises(NotRunning):
        home.record()


def test_the_default_home_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILHETAGEM_HOME", str(tmp_path / "mine"))
    assert default_home() == tmp_path / "mine"
    monkeypatch.delenv("BILHETAGEM_HOME")
    assert default_home().name in {".bilhetagem", "bilhetagem"}
