//! What takes bytes as they come: a device, a FIFO, something that this process has open already.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ipc_core::Deadline;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use super::directory::{Directory, Found, Kind};
use super::particular::{DESCRIPTORS, duplicate, is_proc};

/// What takes bytes as they come, and is never replaced by a file. If nobody takes them, writing to
/// a device or a FIFO ends in [`TimedOut`](io::ErrorKind::TimedOut) at its deadline; to what this
/// process had open before, as whoever opened it has chosen.
#[derive(Debug)]
pub struct Stream {
    file: File,
    deadline: Deadline,
}

impl Stream {
    /// Opens `name` if it is one of the system's names for what a process has open, such as
    /// `/dev/fd/1` or `/proc/self/fd/1`. What this process has open is written to where it stands;
    /// another's is appended to.
    pub(crate) fn open_descriptor(
        directory: &Directory,
        name: &OsStr,
        deadline: Deadline,
    ) -> io::Result<Option<Self>> {
        let file = if holds_descriptors(directory) {
            own_descriptor(directory, name)?
        } else if is_proc(directory.as_fd()) {
            openat(directory, name, APPENDING, Mode::empty())?
        } else {
            return Ok(None);
        };
        Ok(Some(Self { file: file.into(), deadline }))
    }

    /// Opens the device or FIFO `name`, which is `found`. A FIFO is waited for until somebody reads
    /// it.
    pub(crate) fn open(
        directory: &Directory,
        name: &OsStr,
        found: &Found,
        deadline: Deadline,
    ) -> io::Result<Self> {
        if found.kind == Kind::Fifo && !found.is_trusted() {
            let text = format!("it is a FIFO of {}; choose another place", found.whose());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let file = loop {
            match openat(directory, name, WRITING | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::NXIO) if found.kind == Kind::Fifo => wait_a_moment(deadline)?,
                outcome => break outcome?,
            }
        };
        if Found::of(&file)?.identity != found.identity {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody has replaced it"));
        }
        Ok(Self { file: file.into(), deadline })
    }

    fn wait(&self) -> io::Result<()> {
        let timeout = self.deadline.remaining().map(Timespec::try_from).transpose();
        let timeout = timeout.map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], timeout.as_ref()) {
            Ok(0) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "timed out: nobody takes the content"))
            }
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether the names in `directory` are the numbers of what this process has open.
fn holds_descriptors(directory: &Directory) -> bool {
    let Ok(found) = Found::of(directory) else { return false };
    DESCRIPTORS.iter().any(|path| {
        let there = Directory::open(Path::new(path)).and_then(Found::of);
        there.is_ok_and(|there| there.identity == found.identity)
    })
}

/// The same open file under another number, with the same position: opening it by its name would
/// begin at the start of a regular file.
fn own_descriptor(directory: &Directory, name: &OsStr) -> io::Result<OwnedFd> {
    let number = name.to_str().and_then(|name| name.parse().ok());
    let number = number.ok_or(io::ErrorKind::NotFound)?;
    match number {
        0 => return io::stdin().as_fd().try_clone_to_owned(),
        1 => return io::stdout().as_fd().try_clone_to_owned(),
        2 => return io::stderr().as_fd().try_clone_to_owned(),
        _ => {}
    }
    let status = statat(directory, name, AtFlags::empty())?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile | FileType::Socket => duplicate(number),
        _ => Ok(openat(directory, name, WRITING, Mode::empty())?),
    }
}

/// There is no way to be told when somebody opens a FIFO to read it.
fn wait_a_moment(deadline: Deadline) -> io::Result<()> {
    if deadline.has_passed() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "timed out: nobody reads the FIFO"));
    }
    thread::sleep(deadline.remaining().map_or(PAUSE, |left| left.min(PAUSE)));
    Ok(())
}

const WRITING: OFlags =
    OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
const APPENDING: OFlags = WRITING.union(OFlags::APPEND);

const PAUSE: Duration = Duration::from_millis(10);
