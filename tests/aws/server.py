"""A local AWS (ministack) for the length of a test: on a free port of this machine, with nothing on the disk.

Prints `listening 127.0.0.1:PORT` once it answers, and ends when its standard input does, with the functions that it
started, so that it never outlives the test. What it says goes to the log.

Schedules are looked at once a second. With --virtual, time stands still instead until a line `now MS` on the standard
input sets it, in milliseconds since 1970, forwards or back. The answer `now MS` comes when the schedules that are due
by then have fired. Only what services call time is virtual: requests are waited for and answered in real time.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request

HEALTHY_WITHIN_S = 60


class VirtualTime:
    """What `time.time()` answers: the time that was set last."""

    def __init__(self):
        self.set(time.time_ns() // 1_000_000)

    def set(self, now_ms):
        # A little more than the millisecond, so that services which cut a fraction off answer the same millisecond.
        self.now_s = (now_ms + 0.25) / 1000

    def __call__(self):
        return self.now_s


def wait_until_healthy(port):
    """ministack answers late rather than wrongly: its port is open from the start."""
    url = f"http://127.0.0.1:{port}/_ministack/health"
    urllib.request.urlopen(url, timeout=HEALTHY_WITHIN_S).read()


def obey(port, virtual_time, say, fire_schedules=lambda: None):
    """What the test asks for, until its end."""
    say(f"listening 127.0.0.1:{port}")
    for line in sys.stdin:
        word, now_ms = line.split()
        assert word == "now" and virtual_time, line
        virtual_time.set(int(now_ms))
        fire_schedules()
        say(line.strip())


def end(folder):
    """Ends this process and those of functions, whatever they are doing."""
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def redirect(log):
    """Sends what is printed to the log, and answers what still reaches the test."""
    out = os.dup(1)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    return lambda line: os.write(out, f"{line}\n".encode())


def serve(options, folder):
    say = redirect(options.log)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    # Read when ministack is imported. Functions' code goes to the folder; nothing else listens.
    os.environ.update(GATEWAY_PORT=str(port), TMPDIR=folder, IOT_MTLS_ENABLED="0", SFTP_ENABLED="0")
    tempfile.tempdir = folder
    virtual_time = VirtualTime() if options.virtual else None
    if virtual_time:
        time.time = virtual_time

    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack import app

    import mended

    mended.mend()

    def control():
        try:
            wait_until_healthy(port)
            if not virtual_time:
                mended.fire_every_second()
            obey(port, virtual_time, say, mended.fire_schedules)
        finally:
            end(folder)

    threading.Thread(target=control, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    asyncio.run(hypercorn_serve(app.app, config))


def main(about, name, serve):
    """Runs `serve` with a folder that is deleted in the end."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True, metavar="FILE", help="where what it says goes")
    parser.add_argument("--virtual", action="store_true", help="time stands still until it is set")
    options = parser.parse_args()
    # A group of its own, to be ended as one.
    os.setpgid(0, 0)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        serve(options, folder)


if __name__ == "__main__":
    main(__doc__, "ministack", serve)
