"""A proxy that spoils TCP connections between nodes. One runs in each node's namespace and stands, unseen, between that
node and its peers: connections to a peer are led to a port of the proxy, which connects to the peer itself.

Commands on stdin, one a line:
  clear          connections pass as they are
  delay MS       each piece of bytes waits up to MS, so that what different connections carry is reordered
  one-byte       the first bytes of each piece leave one to a segment
  duplicate      each new connection is made twice: the second sends the same bytes, its answers are dropped
  reset          every connection now open is reset in the middle of what it sends next
Answers each with `done`. Ends with its stdin.
"""

import argparse
import asyncio
import random
import socket
import struct
import sys

PIECE = 16 * 1024
SLOW_BYTES = 24       # of a piece, in one-byte mode: enough to cut every frame's header
RESET_WITHIN = 2000   # bytes of what comes next are passed on before a reset


class State:
    def __init__(self, seed):
        self.delay_ms = 0
        self.one_byte = False
        self.duplicate = False
        self.links = set()
        self.chance = random.Random(seed)


class Link:
    """One connection that passes through."""

    def __init__(self, state):
        self.state = state
        self.reset_after = None  # bytes to pass on before the reset
        self.writers = []

    def reset(self):
        for writer in self.writers:
            raw = writer.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def pump(self, reader, writers):
        """Carries bytes until one side ends."""
        try:
            while piece := await reader.read(PIECE):
                if self.state.delay_ms:
                    await asyncio.sleep(self.state.chance.uniform(0, self.state.delay_ms) / 1000)
                if self.reset_after is not None:
                    for writer in writers:
                        writer.write(piece[:self.reset_after])
                    await asyncio.sleep(0)
                    return self.reset()
                await self.send(writers, piece)
        except (ConnectionError, OSError):
            pass
        finally:
            for writer in writers:
                writer.close()

    async def send(self, writers, piece):
        slow = SLOW_BYTES if self.state.one_byte else 0
        for at in range(min(slow, len(piece))):
            for writer in writers:
                writer.write(piece[at:at + 1])
                await writer.drain()
        for writer in writers:
            writer.write(piece[slow:])
            await writer.drain()


async def drop(reader):
    try:
        while await reader.read(PIECE):
            pass
    except (ConnectionError, OSError):
        pass


async def connect(address, mark):
    raw = socket.socket()
    raw.setblocking(False)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(raw, address), 5)
        return await asyncio.open_connection(sock=raw)
    except BaseException:
        raw.close()
        raise


async def serve_one(state, target, mark, reader, writer):
    link = Link(state)
    try:
        upstream_reader, upstream = await connect(target, mark)
    except (OSError, asyncio.TimeoutError):
        link.writers = [writer]
        return link.reset()  # as refused as the peer itself
    link.writers = [writer, upstream]
    tasks = []
    there = [upstream]
    if state.duplicate:
        try:
            twin_reader, twin = await connect(target, mark)
            there.append(twin)
            link.writers.append(twin)
            tasks.append(asyncio.create_task(drop(twin_reader)))
        except (OSError, asyncio.TimeoutError):
            pass
    state.links.add(link)
    try:
        await asyncio.gather(link.pump(reader, there), link.pump(upstream_reader, [writer]))
    finally:
        state.links.discard(link)
        for task in tasks:
            task.cancel()


def obey(state, line):
    word, *rest = line.split()
    if word == "clear":
        state.delay_ms, state.one_byte, state.duplicate = 0, False, False
    elif word == "delay":
        state.delay_ms = float(rest[0])
    elif word == "one-byte":
        state.one_byte = True
    elif word == "duplicate":
        state.duplicate = True
    elif word == "reset":
        for link in list(state.links):
            link.reset_after = state.chance.randrange(RESET_WITHIN)
    else:
        raise ValueError(f"unknown command {word}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mark", type=int, required=True, help="of the proxy's own connections")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("routes", nargs="+", metavar="PORT=HOST:PORT")
    options = parser.parse_args()
    state = State(options.seed)
    for route in options.routes:
        port, _, target = route.partition("=")
        host, _, target_port = target.rpartition(":")
        where = (host, int(target_port))
        await asyncio.start_server(
            lambda reader, writer, where=where: serve_one(state, where, options.mark, reader, writer),
            "127.0.0.1", int(port))
    print("ready", flush=True)
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        obey(state, line.decode())
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
