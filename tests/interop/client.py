"""A client of the session protocol (docs/protocol.md), in Python's standard library alone.

    python3 client.py PATH METHOD [ARGUMENT-IN-HEX]...

calls a method of the server at the Unix socket (or Windows pipe) PATH, writes the body of the answer
to standard output and the value, in hexadecimal, to standard error.
"""

import socket
import struct
import sys

MAGIC = b"\x89ipc\r\n\x1a\n"
PREFACE = struct.Struct("<8sHBBBBHIIQQII")
HEADER = struct.Struct("<IBBHQ")
STATUS = struct.Struct("<HHIQ")
REQUEST, RESPONSE, DATA, HANDLE, END, CANCEL, WINDOW, PING, PONG, GOODBYE, ERROR = range(1, 12)
BODY = 1
FOREVER = 2**64 - 1
CONNECTION_CREDIT, BODY_CREDIT = 4 << 20, 1 << 20


class Failure(Exception):
    """A call, or the session (`call` is 0), has failed."""

    def __init__(self, call, code, text, valid=0):
        super().__init__(f"code {code}: {text}")
        self.call, self.code, self.text, self.valid = call, code, text, valid


class Client:
    """A session; `level` is how far the server may act for this process: 0 to 3."""

    def __init__(self, path, level=2, timeout=30):
        if path.startswith("\\\\"):
            pipe = open(path, "r+b", buffering=0)
            self.read, self.write, self.hang_up = pipe.read, pipe.write, pipe.close
        else:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(timeout)
            stream.connect(path)
            self.read, self.write, self.hang_up = stream.recv, stream.sendall, stream.close
        self.last = -1  # the last call's id
        self.server = None  # the server's preface, once it has come
        self.untaken = {0: 0}  # data that was taken and not given back, by call
        self.queue = PREFACE.pack(MAGIC, PREFACE.size, 1, 1, 1, level, 0, 65536, 0,
                                  CONNECTION_CREDIT, BODY_CREDIT, 0, 0)

    def request(self, method, *arguments, remaining=FOREVER):
        """Queues a call and returns its id: several may be under way."""
        self.last += 2
        payload = struct.pack("<IIQ", method, 0, remaining)
        payload += b"".join(struct.pack("<I", len(a)) + a for a in arguments)
        self.send(REQUEST, self.last, payload)
        return self.last

    def cancel(self, call):
        self.send(CANCEL, call)

    def send(self, kind, call, payload=b""):
        self.queue += HEADER.pack(len(payload), kind, 0, 0, call) + payload

    def flush(self):
        queue, self.queue = self.queue, b""
        if queue:
            self.write(queue)

    def event(self):
        """The next (kind, call, flags, content) that concerns a call: of a response the value, of
        data the bytes, of an end the number of valid bytes. What failed is raised."""
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
            if kind == DATA:
                self.give_back(call, length, BODY_CREDIT)
                self.give_back(0, length, CONNECTION_CREDIT)
                return kind, call, flags, payload
            if kind in (END, GOODBYE, ERROR):
                code, reserved, size, number = STATUS.unpack_from(payload)
                if code != 0 or kind != END:
                    text = payload[16:16 + size].decode()
                    raise Failure(call, code, text, number)
                self.untaken.pop(call, None)
                return kind, call, flags, number
            if kind == PING:
                self.send(PONG, 0, payload)
                self.flush()
            elif kind not in (WINDOW, PONG):
                raise ValueError(f"a server sends no frame of kind {kind}")

    def give_back(self, call, length, credit):
        """Has the server send more once half of a credit was taken."""
        due = self.untaken.get(call, 0) + length
        if due >= credit // 2:
            self.send(WINDOW, call, struct.pack("<Q", due))
            due = 0
        self.untaken[call] = due

    def greeting(self):
        start = self.exactly(10)
        length = struct.unpack_from("<H", start, 8)[0]
        assert start[:8] == MAGIC and 48 <= length <= 1024, "this is no session"
        rest = self.exactly(length - 10)
        self.server = PREFACE.unpack((start + rest)[:PREFACE.size])
        assert self.server[2] == 1, f"the server speaks version {self.server[2]}"
        assert self.server[4] == 1, f"the server speaks codec {self.server[4]}"

    def exactly(self, count):
        read = bytearray()
        while len(read) < count:
            piece = self.read(count - len(read))
            if not piece:
                raise EOFError("the server is gone")
            read += piece
        return bytes(read)

    def call(self, method, *arguments):
        """Calls and waits: the value, and an iterator over the pieces of the body. One at a time."""
        call = self.request(method, *arguments)
        kind, of, flags, value = self.event()
        assert (kind, of) == (RESPONSE, call), (kind, of)
        return value, self.body(call) if flags & BODY else iter(())

    def body(self, call):
        count = 0
        while True:
            kind, of, _, content = self.event()
            assert of == call, of
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


def main(path, method, *arguments):
    client = Client(path)
    value, body = client.call(int(method), *map(bytes.fromhex, arguments))
    for piece in body:
        sys.stdout.buffer.write(piece)
    print(value.hex(), file=sys.stderr)
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
