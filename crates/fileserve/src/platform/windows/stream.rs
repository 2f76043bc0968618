//! What takes bytes as they come: a device.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ipc_core::Deadline;
use ipc_windows::files;

use super::directory::{Directory, Found};

/// What takes bytes as they come, and is never replaced by a file: `NUL`, the console `CON`, a port.
#[derive(Debug)]
pub struct Stream {
    file: File,
}

impl Stream {
    /// Opens `name` if it is one of the system's names for devices, which they are in any directory.
    pub(crate) fn open_descriptor(
        _directory: &Directory,
        name: &OsStr,
        _deadline: Deadline,
    ) -> io::Result<Option<Self>> {
        if !files::is_device_name(name) {
            return Ok(None);
        }
        let mut path = PathBuf::from(r"\\.\");
        path.push(name);
        let mut options = OpenOptions::new();
        let opened = options.write(true).security_qos_flags(IDENTIFICATION).open(path);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => no_such_device(name),
            _ => error,
        })?;
        Ok(Some(Self { file }))
    }

    /// Refuses what is neither a file nor a device by its name.
    pub(crate) fn open(
        _directory: &Directory,
        _name: &OsStr,
        _found: &Found,
        _deadline: Deadline,
    ) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a device"))
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn no_such_device(name: &OsStr) -> io::Error {
    let name = Path::new(name).display();
    let text = format!("the name `{name}` is a device's on Windows, and there is no such device");
    io::Error::new(io::ErrorKind::NotFound, text)
}

/// `SECURITY_IDENTIFICATION` of `CreateFileW`: whoever serves the device cannot act as this user.
const IDENTIFICATION: u32 = 0x0001_0000;
