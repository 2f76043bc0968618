//! The open file: whole lines at its end, or none.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::mem;

use crate::platform;

/// A file at whose end lines are appended.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// Whether the file ends within a line: then the next begins by ending that.
    is_torn: bool,
}

impl Log {
    /// Over `file`, which is open for appending. A line that was torn by the end of another process is
    /// ended before the next; where the file cannot be read, its last may be one.
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        let mut last = [b'\n'];
        let mut is_torn = false;
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            is_torn = file.read_exact(&mut last).is_err() || last != *b"\n";
        }
        Ok(Self { file, is_torn })
    }

    /// Appends `line`, which is whole, by one write; or nothing of it.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        if self.is_torn { self.write(&format!("\n{line}")) } else { self.write(line) }?;
        self.is_torn = false;
        Ok(())
    }

    /// Goes on in `new`, unless that is the same file. The last line of this one is ended if it can be.
    pub(super) fn replace_by(&mut self, new: Self) -> io::Result<()> {
        if platform::is_same_file(&self.file, &new.file)? {
            return Ok(());
        }
        let mut old = mem::replace(self, new);
        if old.is_torn {
            // Nothing more depends on it: who reads that file finds the end of it anyway.
            let _ = old.file.write_all(b"\n");
        }
        Ok(())
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let mut left = line.as_bytes();
        loop {
            let written = line.len() - left.len();
            match self.file.write(left) {
                Ok(count) if count == left.len() => return Ok(()),
                Ok(0) => return self.tear(written, io::ErrorKind::WriteZero.into()),
                // The disk is full: the next attempt says so, or that there is room again.
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.tear(written, error),
            }
        }
    }

    /// Takes the beginning of a line back, or notes that it stands there.
    fn tear(&mut self, written: usize, why: io::Error) -> io::Result<()> {
        if written > 0 && self.take_back(written as u64).is_err() {
            self.is_torn = true;
        }
        Err(why)
    }

    /// Cuts the last `written` bytes off, if they still are the last.
    fn take_back(&mut self, written: u64) -> io::Result<()> {
        let end = self.file.stream_position()?;
        match end.checked_sub(written) {
            Some(before) if self.file.metadata()?.len() == end => self.file.set_len(before),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
