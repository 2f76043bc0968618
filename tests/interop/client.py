"""A client of the session protocol and of fileserve: docs/protocol.md and Python's own library.

    python3 client.py get SOCKET FILE     writes the content of FILE
    python3 client.py stat SOCKET FILE    tells what FILE is
    python3 client.py ls SOCKET [DIR]     lists DIR

SOCKET is the path of a Unix socket, or of a Windows pipe.
"""

import os
import socket
import struct
import sys

MAGIC = b"\x89ipc\r\n\x1a\n"
PREFACE = struct.Struct("<8sHBBBBHIIQQII")
HEADER = struct.Struct("<IBBHQ")
STATUS = struct.Struct("<HHIQ")
REQUEST, RESPONSE, DATA, HANDLE, END, CANCEL, WINDOW, PING, PONG, GOODBYE, ERROR = range(1, 12)
BODY = 1
KINDS = ["unknown", "file", "directory", "link", "other"]
CONNECTION_CREDIT, BODY_CREDIT = 4 << 20, 1 << 20


class Failure(Exception):
    """A call, or the session (`call` is 0), has failed."""

    def __init__(self, call, code, text, valid=0):
        super().__init__(f"code {code}: {text}")
        self.call, self.code, self.text, self.valid = call, code, text, valid


class Client:
    """A session; `level` is how far the server may act for this process: 0 to 3. With flag 1 it passes
    handles, which is the business of whoever sets that."""

    def __init__(self, path, level=2, flags=0):
        if path.startswith("\\\\"):
            pipe = open(path, "r+b", buffering=0)
            self.read, self.write, self.hang_up = pipe.read, pipe.write, pipe.close
        else:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(30)
            stream.connect(path)
            self.read, self.write, self.hang_up = stream.recv, stream.sendall, stream.close
            self.stream = stream
        self.last, self.server = -1, None  # the last call's id; the server's preface
        self.untaken = {}  # data that was taken and not given back, by call
        self.queue = PREFACE.pack(MAGIC, PREFACE.size, 1, 1, 1, level, flags, 65536, 0,
                                  CONNECTION_CREDIT, BODY_CREDIT, 0, 0)

    def request(self, method, *arguments, remaining=2**64 - 1):
        """Queues a call and returns its id: several may be under way."""
        self.last += 2
        payload = struct.pack("<IIQ", method, 0, remaining)
        payload += b"".join(struct.pack("<I", len(a)) + a for a in arguments)
        self.send(REQUEST, self.last, payload)
        return self.last

    def send(self, kind, call, payload=b""):
        self.queue += HEADER.pack(len(payload), kind, 0, 0, call) + payload

    def flush(self):
        self.write(self.queue)
        self.queue = b""

    def event(self):
        """The next (kind, call, flags, content) that concerns a call: of a response the value, of
        data the bytes, of a handle its ticket, of an end the number of valid bytes. What failed is
        raised."""
        self.flush()
        if self.server is None:
            self.greeting()
        while True:
            length, kind, flags, reserved, call = HEADER.unpack(self.exactly(HEADER.size))
            assert reserved == 0 and length <= (1 << 20 if kind == DATA else 65536)
            payload = self.exactly(length)
            if kind == RESPONSE:
                size, = struct.unpack_from("<I", payload)
                return kind, call, flags, payload[4:4 + size]
            if kind == HANDLE:
                return kind, call, flags, struct.unpack("<Q", payload)[0]
            if kind == DATA:
                self.give_back(call, length, BODY_CREDIT)
                self.give_back(0, length, CONNECTION_CREDIT)
                return kind, call, flags, payload
            if kind in (END, GOODBYE, ERROR):
                code, reserved, size, number = STATUS.unpack_from(payload)
                if code != 0 or kind != END:
                    raise Failure(call, code, payload[16:16 + size].decode(), number)
                self.untaken.pop(call, None)
                return kind, call, flags, number
            if kind == PING:
                self.write(HEADER.pack(length, PONG, 0, 0, 0) + payload)
            elif kind not in (WINDOW, PONG):
                raise ValueError(f"a server sends no frame of kind {kind}")

    def give_back(self, call, length, credit):
        """Has the server send more once half of a credit was taken."""
        self.untaken[call] = due = self.untaken.get(call, 0) + length
        if due >= credit // 2:
            self.send(WINDOW, call, struct.pack("<Q", self.untaken.pop(call)))

    def greeting(self):
        start = self.exactly(10)
        length = struct.unpack_from("<H", start, 8)[0]
        assert start[:8] == MAGIC and 48 <= length <= 1024, "this is no session"
        rest = self.exactly(length - 10)
        self.server = PREFACE.unpack((start + rest)[:PREFACE.size])
        assert (self.server[2], self.server[4]) == (1, 1), "another version or codec"

    def exactly(self, count):
        read = bytearray()
        while len(read) < count:
            if not (piece := self.read(count - len(read))):
                raise EOFError("the server is gone")
            read += piece
        return bytes(read)

    def call(self, method, *arguments):
        """Calls and waits: the value, and an iterator over the pieces of the body. One at a time."""
        call = self.request(method, *arguments)
        kind, of, flags, value = self.event()
        assert (kind, of) == (RESPONSE, call)
        return value, self.body(call) if flags & BODY else iter(())

    def body(self, call):
        count = 0
        while True:
            kind, of, _, content = self.event()
            assert of == call
            if kind == END:
                assert content == count, f"{content} valid bytes of {count}"
                return
            count += len(content)
            yield content

    def close(self):
        """Takes leave, and waits until the server has noticed."""
        self.send(GOODBYE, 0, STATUS.pack(0, 0, 0, 0))
        self.flush()
        while self.read(4096):
            pass
        self.hang_up()


class Values:
    """Takes values of codec 1 off an encoding, one after the other."""

    def __init__(self, encoded):
        self.encoded = encoded

    def take(self, form):
        values = struct.unpack_from("<" + form, self.encoded)
        self.encoded = self.encoded[struct.calcsize("<" + form):]
        return values if len(values) > 1 else values[0]

    def option(self, form):
        return self.take(form) if self.take("B") else None

    def validator(self):
        return self.take("QQQ"), self.option("qI")


def path_argument(path):
    path = os.fsencode(path)
    return struct.pack("<Q", len(path)) + path


def get(client, path):
    value, body = client.call(1, path_argument(path))
    head = Values(value)
    head.validator()
    offset, length = head.take("QQ")
    count = sum(sys.stdout.buffer.write(piece) for piece in body)
    assert (offset, count) == (0, length)


def stat(client, path):
    info = Values(client.call(2, path_argument(path))[0])
    kind, ((_, _, length), _) = KINDS[info.take("I")], info.validator()
    mode, owner = info.option("I"), info.option("II")
    print(kind, length, oct(mode) if mode is not None else "-", *(owner or "-"))


def ls(client, path=""):
    value, body = client.call(3, path_argument(path))
    entries = Values(b"".join(body))
    for _ in range(Values(value).take("I?")[0]):
        length, kind = entries.take("HB")
        print(KINDS[kind], os.fsdecode(entries.take(f"{length}s")))
    assert entries.encoded == b"", "more than was announced"


def main(command, socket_path, *arguments):
    client = Client(socket_path)
    try:
        {"get": get, "stat": stat, "ls": ls}[command](client, *arguments)
        client.close()
    except Failure as failure:
        sys.exit(f"failed: {failure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
