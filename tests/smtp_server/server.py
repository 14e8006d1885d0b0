"""A real SMTP server (aiosmtpd) that misbehaves as it is told, and keeps a record of all that happens.

Prints `listening 127.0.0.1:PORT` once it does, and ends when its standard input does, so that it never outlives
the test that started it. The record has one line for each event, written before the client learns of it, with the
time in milliseconds since 1970 before it:

    open                    a client connected
    close                   its connection is over
    accepted ADDRESS ID     a mail was accepted, with its Message-ID
    451 ADDRESS             a recipient was refused for now
    550 ADDRESS             a recipient was refused for good
    drop ADDRESS            the connection was dropped in the middle of a mail
    stall ADDRESS           nothing more was said in the middle of a mail
"""

import argparse
import asyncio
import os
import re
import sys
import time
import zlib
from collections import Counter

from aiosmtpd.smtp import SMTP

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Record:
    """The events, appended to a file: what is in it survives this process."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, *words):
        now_ms = str(time.time_ns() // 1_000_000)
        os.write(self.file, (" ".join((now_ms, *words)) + "\n").encode())


class Behaviour:
    """Which recipient is refused, and what goes wrong in the middle of a mail."""

    def __init__(self, options):
        self.options = options
        self.tries = Counter()

    def draw(self, address):
        """A number below 10,000 that is the same for an address in every run with one seed."""
        return zlib.crc32(f"{self.options.seed}:{address}".encode()) % 10_000

    def refusal(self, address):
        drawn = self.draw(address)
        permanent = self.options.permanent * 100
        if drawn < permanent:
            return "550"
        self.tries[address] += 1
        if drawn < permanent + self.options.temporary * 100 and self.tries[address] <= self.options.tries:
            return "451"
        return None

    def mid_mail(self, address):
        """`drop`, `stall` or nothing, for the first mails to an address, or all with `--times 0`."""
        what, times = self.options.mid_mail, self.options.times
        if what and (times == 0 or self.tries["mid-mail", address] < times):
            self.tries["mid-mail", address] += 1
            return what
        return None


class Pace:
    """At most so many mails a second, for all connections together; 0 for as many as come."""

    def __init__(self, per_second):
        self.apart_s = 1 / per_second if per_second else 0
        self.next_s = 0

    async def turn(self):
        if not self.apart_s:
            return
        now_s = time.monotonic()
        mine_s = max(now_s, self.next_s)
        self.next_s = mine_s + self.apart_s
        await asyncio.sleep(mine_s - now_s)


class Handler:
    def __init__(self, record, behaviour, pace):
        self.record = record
        self.behaviour = behaviour
        self.pace = pace

    async def handle_RCPT(self, server, session, envelope, address, options):
        refusal = self.behaviour.refusal(address)
        if refusal:
            self.record.write(refusal, address)
            return {"451": "451 4.7.1 try again later", "550": "550 5.1.1 no such mailbox"}[refusal]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        found = MESSAGE_ID.search(envelope.content)
        if not found:
            return "554 5.6.0 a mail without Message-ID"
        await self.pace.turn()
        for address in envelope.rcpt_tos:
            self.record.write("accepted", address, found[1].decode())
        return "250 OK"


class Server(SMTP):
    """aiosmtpd's server, with the two faults that no hook of it can make, and with a record of connections."""

    def __init__(self, record, behaviour, pace):
        super().__init__(Handler(record, behaviour, pace), enable_SMTPUTF8=True, hostname="localhost")
        self.record = record
        self.behaviour = behaviour

    def connection_made(self, transport):
        self.record.write("open")
        super().connection_made(transport)

    def connection_lost(self, error):
        super().connection_lost(error)
        self.record.write("close")

    async def smtp_DATA(self, arg):
        address = self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else ""
        fault = address and self.behaviour.mid_mail(address)
        if not fault:
            return await super().smtp_DATA(arg)
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        await self._reader.readline()
        self.record.write(fault, address)
        if fault == "drop":
            self.transport.abort()
        # Until the connection is lost: the rest of the mail is not to be read as commands.
        await asyncio.sleep(3600)


class Mute(asyncio.Protocol):
    """Takes connections and never says a word."""


async def serve(options):
    record, behaviour, pace = Record(options.record), Behaviour(options), Pace(options.rate)
    loop = asyncio.get_running_loop()
    protocol = Mute if options.mute else lambda: Server(record, behaviour, pace)
    server = await loop.create_server(protocol, "127.0.0.1", options.port)
    print("listening 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    # Connections that stall would be waited for.
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", required=True, metavar="FILE")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--seed", type=int, default=0, help="of which recipients are refused")
    parser.add_argument("--temporary", type=int, default=0, help="percent of recipients that are refused for now")
    parser.add_argument("--tries", type=int, default=1, help="how many times those are refused")
    parser.add_argument("--permanent", type=int, default=0, help="percent of recipients that are refused for good")
    parser.add_argument("--mid-mail", choices=["drop", "stall"], help="what happens in the middle of a mail")
    parser.add_argument("--times", type=int, default=1, help="how often, for each recipient; 0 for always")
    parser.add_argument("--rate", type=int, default=0, help="how many mails are taken a second at most; 0 for all")
    parser.add_argument("--mute", action="store_true", help="take connections and never answer")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
