"""Checks that cargo can resolve Celeriac together with other crates that its users have. Only one crate of a program
may link SQLite, so the version ranges must overlap. For each companion this writes a throwaway crate in target/beside
and has cargo resolve it. Nothing is compiled. `.ci/beside.py sqlx-sqlite` checks that companion alone, and compiles it
too."""

import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent

COMPANIONS = {
    "nothing": "",
    "rusqlite": 'rusqlite = "0.43"',
    "sqlx": 'sqlx = "0.9"',
    "sqlx-postgres": 'sqlx = { version = "0.9", features = ["postgres", "runtime-tokio"] }',
    "sqlx-sqlite": 'sqlx = { version = "0.9", features = ["sqlite", "runtime-tokio"] }',
    "sea-orm": 'sea-orm = "2"',
    "sea-orm-sqlite": 'sea-orm = { version = "2", features = ["sqlx-sqlite", "runtime-tokio"] }',
    "diesel-postgres": 'diesel = { version = "2.3", features = ["postgres"] }',
    "diesel-sqlite": 'diesel = { version = "2.3", features = ["sqlite"] }',
    "riverqueue": 'riverqueue = "0.5"',
    "riverqueue-sqlite": 'riverqueue = { version = "0.5", features = ["sqlite"] }',
}


def crate(name, dependency):
    folder = ROOT / "target" / "beside" / name
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "lib.rs").touch()
    # Without a lock file cargo takes the newest versions, as for a user who adds both crates today.
    (folder / "Cargo.lock").unlink(missing_ok=True)
    manifest = f"""[workspace]

[package]
name = "beside-{name}"
version = "0.0.0"
edition = "2024"

[dependencies]
celeriac = {{ path = "{ROOT.as_posix()}" }}
{dependency}
"""
    (folder / "Cargo.toml").write_text(manifest)
    return folder


def versions(folder):
    """The versions of the crate that links SQLite, and of the crate by which Celeriac uses it."""
    packages = tomllib.loads((folder / "Cargo.lock").read_text())["package"]
    return [f"{each['name']} {each['version']}" for each in packages if each["name"] in ("libsqlite3-sys", "rusqlite")]


def main():
    asked = sys.argv[1:] or list(COMPANIONS)
    failed = False
    for name in asked:
        folder = crate(name, COMPANIONS[name])
        command = ["check", "--quiet"] if sys.argv[1:] else ["generate-lockfile", "--quiet"]
        cargo = subprocess.run(["cargo", *command], cwd=folder, stderr=subprocess.PIPE, text=True)
        failed |= cargo.returncode != 0
        print(f"{name}: {', '.join(versions(folder)) if cargo.returncode == 0 else cargo.stderr}", flush=True)
    return failed


sys.exit(main())
