"""Packs the published crates, as `cargo publish` would, and prints how many files each has. Nothing is compiled: the
other steps compile the same sources. Fails if cargo fails, or if a package has files that only the repository needs."""

import json
import subprocess
import sys

STRAY = ("tests/", "benches/", "fuzz/", ".ci/", ".github/")


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


metadata = json.loads(cargo("metadata", "--locked", "--no-deps", "--format-version", "1"))
names = [package["name"] for package in metadata["packages"] if package["publish"] != []]
chosen = [argument for name in names for argument in ("--package", name)]
cargo("package", "--locked", "--quiet", "--allow-dirty", "--no-verify", *chosen)

stray = False
for name in names:
    files = cargo("package", "--locked", "--quiet", "--allow-dirty", "--list", "--package", name).split()
    print(f"{name}: {len(files)} files")
    for file in files:
        if file.startswith(STRAY):
            stray = True
            print(f"  {file} is for the repository alone")
sys.exit(stray)
