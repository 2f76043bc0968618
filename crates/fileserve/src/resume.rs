//! Files that appear under their final name only when they are whole.
//!
//! While `NAME` is transferred its content is in `.NAME.part`, in the same directory, and beside it
//! `.NAME.part.validator` says which file it is the beginning of. So a transfer that was cut, by
//! whatever, goes on where it stopped, and never onto the content of another file.
#![allow(clippy::disallowed_methods, reason = "files of the client's own")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ipc_core::frame::MAX_DATA;

use crate::error::{Error, Result};
use crate::platform;
use crate::protocol::{FileHead, Part, Validator};

/// A file that is being received. Dropping it keeps what has come, for a later [`resume`].
///
/// [`resume`]: Partial::resume
#[derive(Debug)]
pub struct Partial {
    destination: PathBuf,
    part: PathBuf,
    note: PathBuf,
    file: File,
    received: u64,
    of: Option<Validator>,
}

impl Partial {
    /// Begins to receive `destination`, from its first byte. What an earlier transfer has left is
    /// discarded.
    ///
    /// # Errors
    /// [`Error::InTransfer`] if another process receives the same file, [`Error::Local`] if the
    /// directory does not take it.
    pub fn begin(destination: &Path) -> Result<Self> {
        let mut partial = Self::open(destination)?;
        partial.forget()?;
        Ok(partial)
    }

    /// Goes on with what an earlier transfer has left, or begins if there is nothing to go on with.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn resume(destination: &Path) -> Result<Self> {
        let mut partial = Self::open(destination)?;
        partial.of = read_note(&partial.note);
        let end = partial.file.metadata().map_err(local("read", &partial.part))?.len();
        let whole = partial.of.as_ref().map_or(0, |of| of.length);
        match end.checked_sub(UNCERTAIN) {
            Some(certain) if certain > 0 && end <= whole => partial.received = certain,
            _ => partial.forget()?,
        }
        Ok(partial)
    }

    /// What is still missing, to ask the server for.
    #[must_use]
    pub fn missing(&self) -> Part {
        Part { from: self.received, length: None, of: self.of.clone() }
    }

    /// How many bytes have come, in this transfer and earlier ones.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What has come so far.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Takes the server's answer to `asked`, before the first byte is written.
    ///
    /// # Errors
    /// [`Error::Contradiction`] if it is no answer to that; [`Error::Local`].
    pub fn accept(&mut self, asked: &Part, head: &FileHead) -> Result<()> {
        check(asked, head)?;
        self.go_on_at(self.received)?;
        let can_resume = asked.from == self.received && asked.length.is_none();
        if self.of.is_none() && can_resume {
            write_note(&self.note, &head.file).map_err(local("write", &self.note))?;
            self.of = Some(head.file.clone());
        }
        Ok(())
    }

    /// Gives the file its final name, in place of whatever had it.
    ///
    /// # Errors
    /// [`Error::Local`]; what has come is kept.
    pub fn finish(self) -> Result<()> {
        self.file.sync_data().map_err(local("write", &self.part))?;
        fs::rename(&self.part, &self.destination).map_err(local("create", &self.destination))?;
        // The note alone resumes nothing; the next transfer of this name discards it.
        let _ = fs::remove_file(&self.note);
        Ok(())
    }

    /// Leaves nothing behind if nothing has come. Returns whether something is kept.
    #[must_use]
    pub fn keep_unless_empty(self) -> bool {
        if self.received > 0 {
            return true;
        }
        // What cannot be removed is empty, and the next transfer takes it over.
        let _ = fs::remove_file(&self.part);
        let _ = fs::remove_file(&self.note);
        false
    }

    fn open(destination: &Path) -> Result<Self> {
        let destination = final_place(destination)?;
        let part = beside(&destination, ".part");
        let note = beside(&destination, ".part.validator");
        match platform::open_exclusively(&part).map_err(local("open", &part))? {
            Some(file) => Ok(Self { destination, part, note, file, received: 0, of: None }),
            None => Err(Error::InTransfer { part }),
        }
    }

    /// Discards what has come: the note first, so that it never stands beside content that it does
    /// not describe.
    fn forget(&mut self) -> Result<()> {
        match fs::remove_file(&self.note) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(local("remove", &self.note)(error));
            }
            _ => {}
        }
        self.of = None;
        self.go_on_at(0)
    }

    /// Cuts off what comes behind `received` bytes, and writes there next.
    fn go_on_at(&mut self, received: u64) -> Result<()> {
        self.file.set_len(received).map_err(local("cut", &self.part))?;
        self.file.seek(SeekFrom::Start(received)).map_err(local("cut", &self.part))?;
        self.received = received;
        Ok(())
    }
}

/// Appends to what has come.
impl Write for Partial {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.received += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Checks that `head` is an answer to `asked`.
pub(crate) fn check(asked: &Part, head: &FileHead) -> Result<()> {
    let rest = head.file.length.checked_sub(head.from);
    let expected = rest.map(|rest| asked.length.map_or(rest, |most| most.min(rest)));
    let wrong = if head.from != asked.from {
        Some(format!("asked for bytes from {}, it sends them from {}", asked.from, head.from))
    } else if asked.of.as_ref().is_some_and(|of| *of != head.file) {
        Some("the file is not the one it was asked for".to_owned())
    } else if expected != Some(head.length) {
        let (length, whole) = (head.length, head.file.length);
        Some(format!("it sends {length} bytes from {} of a file of {whole}", head.from))
    } else {
        None
    };
    wrong.map_or(Ok(()), |reason| Err(Error::Contradiction { reason }))
}

/// Where the file ends up: behind a link, if `destination` is one.
fn final_place(destination: &Path) -> Result<PathBuf> {
    let place = match fs::canonicalize(destination) {
        Ok(place) => place,
        Err(error) if error.kind() == io::ErrorKind::NotFound => destination.to_owned(),
        Err(error) => return Err(local("find", destination)(error)),
    };
    if place.is_dir() || place.file_name().is_none() {
        let error = io::Error::from(io::ErrorKind::IsADirectory);
        return Err(local("write to", destination)(error));
    }
    Ok(place)
}

/// `.NAME` with `ending`, in the directory of `destination`.
fn beside(destination: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(destination.file_name().unwrap_or_default());
    name.push(ending);
    destination.with_file_name(name)
}

/// What the note says; `None` if there is none, or one that was cut while it was written.
fn read_note(note: &Path) -> Option<Validator> {
    let mut text = String::new();
    File::open(note).ok()?.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_note(note: &Path, of: &Validator) -> io::Result<()> {
    let text = serde_json::to_string(of).map_err(io::Error::other)?;
    File::create(note)?.write_all(text.as_bytes())
}

fn local(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Local { doing, path, source }
}

/// How much of what a cut transfer has left is fetched again, in bytes: a server that could not
/// read on fills the frame that it has begun with zeros and tells so in the next, which may never
/// have come.
const UNCERTAIN: u64 = MAX_DATA as u64;

/// More than any note has, in bytes.
const MAX_NOTE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(from: u64, length: u64, whole: u64) -> FileHead {
        let file = Validator { device: 1, inode: 2, length: whole, modified: None };
        FileHead { file, from, length }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("readable");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_under_its_name_only_when_it_is_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        let mut partial = Partial::begin(&destination).expect("begins");
        partial.accept(&partial.missing(), &head(0, 6, 6)).expect("an answer");
        partial.write_all(b"abc").expect("written");
        assert_eq!(names(directory.path()), [".out.part", ".out.part.validator"]);
        partial.write_all(b"def").expect("written");
        partial.finish().expect("whole");
        assert_eq!(names(directory.path()), ["out"]);
        assert_eq!(fs::read(&destination).expect("there"), b"abcdef");
    }

    #[test]
    fn what_was_cut_goes_on_where_it_stopped_and_names_the_file_it_is_of() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        let mut partial = Partial::begin(&destination).expect("begins");
        let whole = UNCERTAIN + 6;
        partial.accept(&partial.missing(), &head(0, whole, whole)).expect("an answer");
        partial.write_all(b"abc").expect("written");
        partial.write_all(&vec![0; MAX_DATA as usize]).expect("written");
        assert!(partial.keep_unless_empty());

        let mut partial = Partial::resume(&destination).expect("goes on");
        let missing = partial.missing();
        let of = Some(head(0, 0, whole).file);
        assert_eq!(missing, Part { from: 3, length: None, of }, "the zeros may be no content");
        partial.accept(&missing, &head(3, whole - 3, whole)).expect("an answer");
        partial.write_all(&vec![b'd'; MAX_DATA as usize]).expect("written");
        partial.write_all(b"ddd").expect("written");
        partial.finish().expect("whole");
        let content = fs::read(&destination).expect("there");
        assert_eq!(content.len() as u64, whole);
        assert!(content.starts_with(b"abcd"));
        assert!(content[3..].iter().all(|byte| *byte == b'd'));
    }

    #[test]
    fn what_nobody_can_vouch_for_is_begun_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        for note in [None, Some(r#"{"device":1,"ino"#)] {
            fs::write(directory.path().join(".out.part"), vec![7; 2 << 20]).expect("written");
            if let Some(note) = note {
                fs::write(directory.path().join(".out.part.validator"), note).expect("written");
            }
            let partial = Partial::resume(&destination).expect("begins");
            assert_eq!(partial.missing(), Part::WHOLE);
            assert!(!partial.keep_unless_empty());
            assert_eq!(names(directory.path()), [""; 0]);
        }
    }

    #[test]
    fn a_part_of_a_file_is_never_resumed_as_its_beginning() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        let mut partial = Partial::begin(&destination).expect("begins");
        let middle = Part { from: 2, length: Some(3), of: None };
        partial.accept(&middle, &head(2, 3, 6)).expect("an answer");
        partial.write_all(&vec![b'c'; 2 << 20]).expect("written");
        assert!(partial.keep_unless_empty());
        let partial = Partial::resume(&destination).expect("begins");
        assert_eq!(partial.missing(), Part::WHOLE);
    }

    #[test]
    fn one_file_is_received_by_one_transfer_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        let first = Partial::begin(&destination).expect("begins");
        let second = Partial::resume(&destination).expect_err("somebody else does");
        assert!(matches!(second, Error::InTransfer { .. }), "{second}");
        drop(first);
        Partial::begin(&destination).expect("nobody else does any more");
    }

    #[test]
    fn an_answer_to_another_question_is_a_contradiction() {
        let whole = Part::WHOLE;
        let rest = Part { from: 3, length: None, of: Some(head(0, 6, 6).file) };
        let two = Part { from: 3, length: Some(2), of: None };
        for (asked, answer) in [
            (&whole, head(0, 6, 6)),
            (&rest, head(3, 3, 6)),
            (&two, head(3, 2, 6)),
            (&two, head(3, 1, 4)),
        ] {
            assert!(check(asked, &answer).is_ok(), "{asked:?} {answer:?}");
        }
        for (asked, answer) in [
            (&whole, head(1, 5, 6)),
            (&whole, head(0, 5, 6)),
            (&whole, head(0, 7, 6)),
            (&rest, head(0, 6, 6)),
            (&rest, head(3, 4, 7)),
            (&two, head(3, 3, 6)),
        ] {
            assert!(check(asked, &answer).is_err(), "{asked:?} {answer:?}");
        }
    }

    #[test]
    fn a_directory_is_no_destination() {
        let directory = tempfile::tempdir().expect("a directory");
        for destination in [directory.path(), Path::new("/"), Path::new("..")] {
            let error = Partial::begin(destination).expect_err("a directory");
            assert!(matches!(error, Error::Local { .. }), "{error}");
        }
    }
}
