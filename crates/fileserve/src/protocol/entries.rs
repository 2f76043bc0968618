//! A directory's entries, as the body of a listing.

use std::io::{self, Read};

use ipc_core::files::{DirectoryEntry, Escaped};

use super::Kind;

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: one component, as bytes.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

impl Entry {
    /// How many bytes come before its name.
    pub(crate) const HEAD: usize = 3;
}

/// Appends an entry to a listing's body.
///
/// ```text
/// u16 length of the name in bytes, little-endian | u8 kind | name
/// ```
/// Kinds: 0 unknown, 1 regular file, 2 directory, 3 symbolic link, 4 anything else.
///
/// # Examples
/// ```
/// use fileserve::protocol::{Entry, EntryReader, Kind, encode_entry};
/// use ipc_core::files::{DirectoryEntry, FileKind};
///
/// let mut body = Vec::new();
/// let found = DirectoryEntry { name: b"notes".to_vec(), kind: Some(FileKind::Regular) };
/// encode_entry(&mut body, &found);
/// assert_eq!(body, b"\x05\x00\x01notes");
///
/// let entry = EntryReader::new(&body[..]).next().expect("one entry")?;
/// assert_eq!(entry, Entry { name: b"notes".to_vec(), kind: Kind::File });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn encode_entry(body: &mut Vec<u8>, entry: &DirectoryEntry) {
    // No file system has names that long; one that had would list them cut off.
    let length = u16::try_from(entry.name.len()).unwrap_or(u16::MAX);
    let kind = entry.kind.map_or(Kind::Unknown, Kind::from);
    body.extend_from_slice(&length.to_le_bytes());
    body.push(kind as u8);
    body.extend_from_slice(&entry.name[..usize::from(length)]);
}

/// Reads the entries of a listing's body one by one.
///
/// Names are checked: what is no single component (a server that means harm sends `../x`) is an
/// error.
#[derive(Debug)]
pub struct EntryReader<R> {
    body: R,
    failed: bool,
}

impl<R: Read> EntryReader<R> {
    /// Reads from `body`.
    pub fn new(body: R) -> Self {
        Self { body, failed: false }
    }

    fn read(&mut self) -> io::Result<Option<Entry>> {
        let mut head = [0; Entry::HEAD];
        if self.body.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        self.body.read_exact(&mut head[1..])?;
        let [low, high, kind] = head;
        let mut name = vec![0; usize::from(u16::from_le_bytes([low, high]))];
        self.body.read_exact(&mut name)?;
        let kind = match kind {
            1 => Kind::File,
            2 => Kind::Directory,
            3 => Kind::Link,
            4 => Kind::Other,
            _ => Kind::Unknown,
        };
        if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
            let text = format!("the server lists `{}`, which is no name", Escaped(&name));
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Some(Entry { name, kind }))
    }
}

impl<R: Read> Iterator for EntryReader<R> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        if self.failed {
            return None;
        }
        let entry = self.read().transpose();
        self.failed = matches!(entry, Some(Err(_)));
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_core::files::FileKind;

    #[test]
    fn entries_survive_the_wire_whatever_their_names() {
        let mut body = Vec::new();
        let names: [&[u8]; 3] = [b"a", b"\xff\n", &[b'x'; 255]];
        for name in names {
            let entry = DirectoryEntry { name: name.to_vec(), kind: Some(FileKind::Directory) };
            encode_entry(&mut body, &entry);
        }
        let read: Vec<Entry> = EntryReader::new(&body[..]).map(|e| e.expect("whole")).collect();
        let expected = names.map(|name| Entry { name: name.to_vec(), kind: Kind::Directory });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_body_that_ends_within_an_entry_is_an_error_and_then_the_end() {
        let body = b"\x05\x00\x01not";
        let mut reader = EntryReader::new(&body[..]);
        let error = reader.next().expect("an entry begins").expect_err("and is not whole");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(reader.next().is_none());
    }

    #[test]
    fn a_name_that_is_a_path_is_refused() {
        for body in [&b"\x04\x00\x01../x"[..], b"\x02\x00\x02..", b"\x00\x00\x01"] {
            let entry = EntryReader::new(body).next().expect("one entry");
            assert_eq!(entry.expect_err("no name").kind(), io::ErrorKind::InvalidData);
        }
    }
}
