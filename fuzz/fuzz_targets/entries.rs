//! Listings that a server sends: every entry is one name, and what was read is what was sent.
#![no_main]

use std::io::Read;

use fileserve::protocol::{Entry, EntryReader, Kind, encode_entry};
use ipc_core::files::{DirectoryEntry, FileKind};
use ipc_fuzz::meter::Meter;
use ipc_fuzz::script::Script;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (body, script) = Script::split(input);
    let meter = Meter::begin();
    let mut sent = Vec::new();
    for entry in EntryReader::new(InPieces { rest: body, script }) {
        let Ok(Entry { name, kind }) = entry else { break };
        assert!(!matches!(&name[..], b"" | b"." | b".."));
        assert!(!name.contains(&b'/'));
        let at = sent.len();
        encode_entry(&mut sent, &DirectoryEntry { name, kind: file_kind(kind) });
        // A kind that is not known stays what the server said.
        if kind == Kind::Unknown {
            sent[at + 2] = body[at + 2];
        }
        meter.assert_below(4 * body.len() + 200_000);
    }
    assert!(body.starts_with(&sent));
});

fn file_kind(kind: Kind) -> Option<FileKind> {
    Some(match kind {
        Kind::Unknown => return None,
        Kind::File => FileKind::Regular,
        Kind::Directory => FileKind::Directory,
        Kind::Link => FileKind::Link,
        Kind::Other => FileKind::Other,
    })
}

struct InPieces<'a> {
    rest: &'a [u8],
    script: Script<'a>,
}

impl Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.rest.len());
        let count = self.script.share_of(most).max(1).min(most);
        let (piece, rest) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(piece);
        self.rest = rest;
        Ok(count)
    }
}
