"""Builds the test programs that `cargo test ARGUMENTS` would run, and runs as many of them at a time as there are
processors: many only wait, for a mail server, for a killed process, for an emulator. `cargo test` runs them one after
the other, which takes twice as long.

    python tests/programs.py [ARGUMENTS OF cargo test] [-- ARGUMENTS OF EACH PROGRAM]

All programs run, even if one fails. Each prints when it ends. Examples in the documentation come last.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

CARGO = os.environ.get("CARGO", "cargo")
# The tests of a procedural macro are linked with the compiler's own libraries.
LIBRARIES = "DYLD_FALLBACK_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
# These take longest: they start first, so that none of them runs alone in the end.
LONGEST = ["deployed", "campaign", "account", "compile_fail", "kill", "mail_campaign", "power_cut", "smtp", "deploy"]


def built(arguments):
    """The test programs, as cargo's messages describe them."""
    command = [CARGO, "test", "--no-run", "--message-format=json-render-diagnostics", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cargo:
        messages = [json.loads(line) for line in cargo.stdout]
    if cargo.returncode != 0:
        sys.exit(cargo.returncode)
    return [
        message
        for message in messages
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]
    ]


def package(program):
    """A program's package. Its id is `LOCATION#NAME@VERSION`, without the name if that is the location's last part."""
    location, _, version = program["package_id"].partition("#")
    return version.split("@")[0] if "@" in version else location.rsplit("/", 1)[-1]


def libraries():
    """Where the compiler's libraries are, before what the caller names."""
    compiler = [os.environ.get("RUSTC", "rustc"), "--print", "target-libdir"]
    found = subprocess.run(compiler, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return os.pathsep.join(filter(None, [found, os.environ.get(LIBRARIES)]))


def run(program, arguments, libraries):
    """Runs one program where and with what `cargo test` would; its output, its status, and its seconds."""
    folder = os.path.dirname(program["manifest_path"])
    environment = {
        **os.environ,
        "CARGO": CARGO,
        "CARGO_MANIFEST_DIR": folder,
        "CARGO_PKG_NAME": package(program),
        LIBRARIES: libraries,
    }
    begun = time.monotonic()
    ended = subprocess.run(
        [program["executable"], *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return ended.stdout, ended.returncode, time.monotonic() - begun


def source(program):
    """The path of a program's source, from the root."""
    return os.path.relpath(program["target"]["src_path"])


def main():
    arguments = sys.argv[1:]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    for_cargo, for_programs = arguments[:cut], arguments[cut + 1 :]

    programs = built(for_cargo)
    order = {name: place for place, name in enumerate(LONGEST)}
    programs.sort(key=lambda program: order.get(program["target"]["name"], len(order)))
    failed, found = [], libraries()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        running = {threads.submit(run, program, for_programs, found): program for program in programs}
        for future in as_completed(running):
            output, status, seconds = future.result()
            print(f"     Running {source(running[future])} ({seconds:.1f} s)\n{output}", flush=True)
            if status != 0:
                failed.append(f"{source(running[future])} (status {status})")

    if "--test" not in for_cargo and "--lib" not in for_cargo:
        examples = subprocess.run([CARGO, "test", "--doc", *for_cargo, "--", *for_programs], check=False)
        if examples.returncode != 0:
            failed.append("examples in the documentation")
    if failed:
        sys.exit("error: these test programs failed:\n    " + "\n    ".join(failed))


if __name__ == "__main__":
    main()
