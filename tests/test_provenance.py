"""Provenance names commit, lock, versions and parameters, and does without git."""

import hashlib
import subprocess

from sidelib import provenance

PARAMETERS = dict(profile="smoke", data="default", device="cpu", seed=3)


def test_it_names_what_a_run_depends_on():
    facts = provenance.collect(**PARAMETERS)
    assert all(isinstance(value, str) and value for value in facts.values())
    assert {"profile": "smoke", "data": "default", "seed": "3"}.items() <= facts.items()
    lock = hashlib.sha256((provenance.ROOT / "requirements.txt").read_bytes()).hexdigest()
    assert lock.startswith(facts["lock"]) and len(facts["lock"]) == 12
    assert "thread" in facts["device"]


def test_outside_a_checkout_it_says_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    facts = provenance.collect(**PARAMETERS)
    assert facts["commit"] == facts["lock"] == "unknown"


def test_without_git_it_says_unknown(monkeypatch):
    def missing(*args, **kwargs):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert provenance.collect(**PARAMETERS)["commit"] == "unknown"
