//! Files that appear under their final name only when they are whole.
//!
//! While `NAME` is transferred its content is in `.NAME.part`, in the same directory, and beside it
//! `.NAME.part.validator` says which file it is the beginning of. So a transfer that was cut, by
//! whatever, goes on where it stopped, and never onto the content of another file.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ipc_core::frame::MAX_DATA;

use crate::destination::Place;
use crate::error::{Error, Result};
use crate::protocol::{FileHead, Part, Validator};

mod beside;

use beside::Names;

/// A file that is being received. Dropping it keeps what has come, for a later [`resume`], and
/// leaves nothing behind if nothing has.
///
/// Until it has its final name, nobody but this user can read or write it. What is found beside the
/// file is taken up only if it is a regular file of this user, without a second name and closed to
/// others; if it is not, it is named in the error.
///
/// [`resume`]: Partial::resume
#[derive(Debug)]
pub struct Partial {
    place: Place,
    names: Names,
    part: PathBuf,
    file: File,
    received: u64,
    of: Option<Validator>,
    named: bool,
}

impl Partial {
    /// Begins to receive the file at `place`, from its first byte. What an earlier transfer has
    /// left is discarded.
    ///
    /// # Errors
    /// [`Error::InTransfer`] if another process receives the same file, [`Error::Local`] if the
    /// directory does not take it.
    pub fn begin(place: Place) -> Result<Self> {
        let mut partial = Self::open(place)?;
        partial.forget()?;
        Ok(partial)
    }

    /// Goes on with what an earlier transfer has left, or begins if there is nothing to go on with.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn resume(place: Place) -> Result<Self> {
        let mut partial = Self::open(place)?;
        let note = partial.names.read_note(&partial.place.directory);
        partial.of = note.map_err(|error| partial.note_failed("use", error))?;
        let whole = partial.of.as_ref().map_or(0, |of| of.length);
        let end = partial.received;
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
            let written = self.names.write_note(&self.place.directory, &head.file);
            written.map_err(|error| self.note_failed("write", error))?;
            self.of = Some(head.file.clone());
        }
        Ok(())
    }

    /// Gives the file its final name, in place of whatever had it. A file of this user's own that
    /// it replaces bequeaths its mode and group; otherwise the umask decides.
    ///
    /// # Errors
    /// [`Error::Local`] and [`Error::NotNamed`]; what has come is kept.
    pub fn finish(mut self) -> Result<()> {
        self.file.sync_data().map_err(Error::local("write", &self.part))?;
        let Place { directory, name, .. } = &self.place;
        if let Err(source) = directory.replace(&self.file, &self.names.part, name) {
            let (part, name) = (self.part.clone(), self.place.path().to_owned());
            return Err(Error::NotNamed { part, name, source });
        }
        self.named = true;
        // The note alone resumes nothing; the next transfer of this name discards it.
        let _ = directory.remove(&self.names.note);
        Ok(())
    }

    /// Leaves nothing behind if nothing has come. Returns whether something is kept.
    #[must_use]
    pub fn keep_unless_empty(self) -> bool {
        self.received > 0
    }

    fn open(place: Place) -> Result<Self> {
        let names = Names::of(&place.name);
        let part = place.beside(&names.part);
        let opened = place.directory.open_exclusively(&names.part);
        let Some(file) = opened.map_err(Error::local("use", &part))? else {
            return Err(Error::InTransfer { part });
        };
        let received = file.metadata().map_err(Error::local("read", &part))?.len();
        Ok(Self { place, names, part, file, received, of: None, named: false })
    }

    /// Discards what has come: the note first, so that it never stands beside content that it does
    /// not describe.
    fn forget(&mut self) -> Result<()> {
        let removed = self.place.directory.remove(&self.names.note);
        removed.map_err(|error| self.note_failed("remove", error))?;
        self.of = None;
        self.go_on_at(0)
    }

    /// Cuts off what comes behind `received` bytes, and writes there next.
    fn go_on_at(&mut self, received: u64) -> Result<()> {
        self.file.set_len(received).map_err(Error::local("cut", &self.part))?;
        self.file.seek(SeekFrom::Start(received)).map_err(Error::local("cut", &self.part))?;
        self.received = received;
        Ok(())
    }

    fn note_failed(&self, doing: &'static str, error: io::Error) -> Error {
        Error::local(doing, &self.place.beside(&self.names.note))(error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.received == 0 && !self.named {
            // What cannot be removed is empty, and the next transfer takes it over.
            let _ = self.place.directory.remove(&self.names.part);
            if self.of.is_some() {
                let _ = self.place.directory.remove(&self.names.note);
            }
        }
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

/// How much of what a cut transfer has left is fetched again, in bytes: a server that could not
/// read on fills the frame that it has begun with zeros and tells so in the next, which may never
/// have come.
const UNCERTAIN: u64 = MAX_DATA as u64;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "files of the test's own")]
mod tests {
    use std::fs;

    use ipc_core::Deadline;

    use super::*;
    use crate::destination::Destination;
    use crate::platform;

    fn place(path: &Path) -> Place {
        match Destination::open(path, Deadline::NOW).expect("can be reached") {
            Destination::File(place) => place,
            other => panic!("no file: {other:?}"),
        }
    }

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
        let mut partial = Partial::begin(place(&destination)).expect("begins");
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
        let mut partial = Partial::begin(place(&destination)).expect("begins");
        let whole = UNCERTAIN + 6;
        partial.accept(&partial.missing(), &head(0, whole, whole)).expect("an answer");
        partial.write_all(b"abc").expect("written");
        partial.write_all(&vec![0; MAX_DATA as usize]).expect("written");
        assert!(partial.keep_unless_empty());

        let mut partial = Partial::resume(place(&destination)).expect("goes on");
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
            let partial = Partial::resume(place(&destination)).expect("begins");
            assert_eq!(partial.missing(), Part::WHOLE);
            assert!(!partial.keep_unless_empty());
            assert_eq!(names(directory.path()), [""; 0]);
        }
    }

    #[test]
    fn a_part_of_a_file_is_never_resumed_as_its_beginning() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        let mut partial = Partial::begin(place(&destination)).expect("begins");
        let middle = Part { from: 2, length: Some(3), of: None };
        partial.accept(&middle, &head(2, 3, 6)).expect("an answer");
        partial.write_all(&vec![b'c'; 2 << 20]).expect("written");
        assert!(partial.keep_unless_empty());
        let partial = Partial::resume(place(&destination)).expect("begins");
        assert_eq!(partial.missing(), Part::WHOLE);
    }

    #[test]
    fn one_file_is_received_by_one_transfer_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = directory.path().join("out");
        let first = Partial::begin(place(&destination)).expect("begins");
        let second = Partial::resume(place(&destination)).expect_err("somebody else does");
        assert!(matches!(second, Error::InTransfer { .. }), "{second}");
        drop(first);
        Partial::begin(place(&destination)).expect("nobody else does any more");
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
    fn a_note_is_never_written_through_what_lies_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let precious = directory.path().join("precious");
        fs::write(&precious, "keep me").expect("written");
        let destination = directory.path().join("out");
        let mut partial = Partial::begin(place(&destination)).expect("begins");
        for name in [".out.part.validator", ".out.part.draft"] {
            fs::hard_link(&precious, directory.path().join(name)).expect("planted");
        }
        partial.accept(&partial.missing(), &head(0, 6, 6)).expect("an answer");
        assert_eq!(fs::read(&precious).expect("there"), b"keep me");
        let link = directory.path().join(".out.part.draft");
        if let Err(error) = platform::make_link(&precious, &link) {
            let test = "a_note_is_never_written_through_what_lies_there";
            return ipc_testkit::skip(test, &format!("no link can be planted: {error}"));
        }
        partial.of = None;
        partial.accept(&partial.missing(), &head(0, 6, 6)).expect("an answer");
        assert_eq!(fs::read(&precious).expect("there"), b"keep me");
        assert_eq!(names(directory.path()), [".out.part", ".out.part.validator", "precious"]);
    }
}
