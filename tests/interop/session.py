"""Holds a server against docs/protocol.md; `tests/interop.rs` starts both.

The server's methods: 1 returns its argument; 2 fails with code 3 and the text `no such thing`;
3 has a body of as many bytes as its argument, a u64, says: byte i is i modulo 251; 4 returns the
content of the file that is passed with it; 5 passes a file whose content is its argument.
"""

import os
import socket
import struct
import sys
import tempfile

from client import (CANCEL, DATA, END, HANDLE, HEADER, PING, PONG, RESPONSE, Client, Failure)


def pattern(length):
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def one_call_after_another(path):
    client = Client(path)
    for length in (0, 1, 60000):
        value, body = client.call(1, b"x" * length)
        assert value == b"x" * length and list(body) == []
    try:
        client.call(2)
        raise AssertionError("it fails")
    except Failure as failure:
        assert (failure.code, failure.text) == (3, "no such thing"), failure
    client.close()


def a_body_of_any_length(path):
    client = Client(path)
    for length in (0, 1, 70000, 5000000):
        value, body = client.call(3, struct.pack("<Q", length))
        assert struct.unpack("<Q", value)[0] == length
        assert b"".join(body) == pattern(length)
    client.close()


def many_calls_at_once(path):
    """A whole first flight in one write, bodies and all."""
    client = Client(path)
    lengths = {client.request(3, struct.pack("<Q", n * 40000)): n * 40000 for n in range(16)}
    bodies = {call: b"" for call in lengths}
    ended = set()
    while len(ended) < len(lengths):
        kind, call, _, content = client.event()
        if kind == DATA:
            bodies[call] += content
        elif kind == END:
            assert content == len(bodies[call]) == lengths[call]
            ended.add(call)
        else:
            assert kind == RESPONSE and content == struct.pack("<Q", lengths[call])
    assert all(body == pattern(lengths[call]) for call, body in bodies.items())
    client.close()


def a_body_that_is_cancelled(path):
    client = Client(path)
    call = client.request(3, struct.pack("<Q", 100000000))
    taken = 0
    try:
        while True:
            kind, of, _, content = client.event()
            assert of == call
            if kind == DATA and taken == 0:
                client.send(CANCEL, call)
                taken = len(content)
    except Failure as failure:
        assert (failure.call, failure.code) == (call, 14), failure
    assert client.call(1, b"next")[0] == b"next"
    client.close()


def what_breaks_the_protocol(path):
    for breach, text in ((lambda client: client.send(77, 1), "kind 77"),
                         (lambda client: client.send(CANCEL, 9), "call 9"),
                         (lambda client: client.send(DATA, 1, b"x"), "data")):
        client = Client(path)
        breach(client)
        try:
            client.event()
            raise AssertionError(f"{text} is let through")
        except Failure as failure:
            assert failure.code == 24 and text in failure.text, failure


def a_sign_of_life(path):
    client = Client(path)
    client.send(PING, 0, b"12345678")
    client.flush()
    client.greeting()
    assert client.exactly(24) == b"\x08\0\0\0" + bytes([PONG]) + bytes(11) + b"12345678"
    client.close()


def with_handle(client, call, ticket, descriptor):
    """Sends the handle of a call whose request comes next."""
    frame = HEADER.pack(8, HANDLE, 0, 0, call) + struct.pack("<Q", ticket)
    socket.send_fds(client.stream, [frame], [descriptor])


def handles_both_ways(path):
    client = Client(path, flags=1)
    arrived = []

    def read(count):
        data, descriptors, _, _ = socket.recv_fds(client.stream, count, 4)
        arrived.extend(descriptors)
        return data

    client.read = read
    client.flush()
    client.greeting()
    assert (client.server[6], client.server[12]) == (1, 16), "it passes handles, and takes 16"
    with tempfile.TemporaryFile() as file:
        file.write(b"from the client")
        file.flush()
        for ticket in range(3):
            with_handle(client, client.last + 2, ticket, file.fileno())
            assert client.call(4)[0] == b"from the client"
    for ticket in range(3):
        call = client.request(5, b"from the server")
        assert client.event() == (HANDLE, call, 0, ticket)
        assert client.event() == (RESPONSE, call, 0, b"")
        assert os.pread(arrived[ticket], 100, 0) == b"from the server"
    try:
        with_handle(client, 1, 3, arrived[0])
        client.event()
        raise AssertionError("a handle of a call that was made before is let through")
    except Failure as failure:
        assert failure.code == 24 and "a handle under id 1" in failure.text, failure


for test in (one_call_after_another, a_body_of_any_length, many_calls_at_once,
             a_body_that_is_cancelled, what_breaks_the_protocol, a_sign_of_life, handles_both_ways):
    test(sys.argv[1])
    print(test.__name__, "ok")
