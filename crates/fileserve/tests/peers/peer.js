// A pipe server and a pipe client as programs of Node have them, with nothing but its `net` module.
// The same commands, and the same output, as those of Peer.cs beside this file.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');

const GREETING = 'I am the one true server!';

function place(name) {
  if (process.platform === 'win32') return '\\\\.\\pipe\\' + name;
  if (path.isAbsolute(name)) return name;
  return path.join(process.env.TMPDIR || '/tmp', 'CoreFxPipe_' + name);
}

// In one write; what is too long is cut at a whole unit.
function write(socket, text) {
  const payload = Buffer.from(text, 'utf16le').subarray(0, 65534);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(payload.length);
  socket.write(Buffer.concat([length, payload]));
}

// Calls `take` with each string that comes, in whatever pieces it does.
function onStrings(socket, take) {
  let come = Buffer.alloc(0);
  socket.on('data', (piece) => {
    come = Buffer.concat([come, piece]);
    while (come.length >= 2 && come.length >= 2 + come.readUInt16BE(0)) {
      const end = 2 + come.readUInt16BE(0);
      const payload = come.subarray(2, end);
      come = come.subarray(end);
      take(payload);
    }
  });
}

function textOf(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder('utf-8').decode(bytes);
}

function serve(name, ready) {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    write(socket, GREETING);
    onStrings(socket, (file) => {
      try {
        write(socket, textOf(fs.readFileSync(file.toString('utf16le'))));
      } catch {
        // The protocol has no word for it.
      }
      socket.end();
    });
  });
  server.listen(place(name), () => net.connect(place(ready)).on('connect', function () { this.end(); }));
}

function askFor(name, file) {
  return new Promise((resolve) => {
    const socket = net.connect(place(name));
    let answer = 'closed\t';
    let strings = 0;
    onStrings(socket, (payload) => {
      strings += 1;
      if (strings === 2) {
        answer = 'text\t' + payload.toString('hex');
        socket.end();
      } else if (payload.toString('utf16le') === GREETING) {
        write(socket, file);
      } else {
        answer = 'stranger\t';
        socket.end();
      }
    });
    socket.on('error', (error) => { answer = 'failed: ' + error.message + '\t'; });
    socket.on('close', () => resolve(answer));
  });
}

async function ask(name, threads, times, files) {
  const one = async () => {
    for (let round = 0; round < times; round++) {
      for (const [number, file] of files.entries()) {
        console.log(await askFor(name, file) + '\t' + number);
      }
    }
  };
  await Promise.all(Array.from({ length: threads }, one));
}

const [role, name, ...more] = process.argv.slice(2);
if (role === 'server') {
  serve(name, more[1]);
} else if (role === 'client') {
  ask(name, Number(more[0]), Number(more[1]), more.slice(2));
} else {
  console.error('usage: peer.js server NAME WORKERS READY | client NAME THREADS TIMES FILE...');
  process.exit(2);
}
