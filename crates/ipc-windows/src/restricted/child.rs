//! A program that was started.

use std::fs::File;
use std::io::{self, Read};
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::os::windows::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::thread;
use std::time::Duration;

use crate::sys::spawn;

/// A program that was started. Dropping this neither ends it nor waits for it.
#[derive(Debug)]
pub struct Child {
    process: OwnedHandle,
    id: u32,
    /// What leads to its standard input, if that was to be piped and has not been taken.
    pub stdin: Option<File>,
    /// What comes from its standard output, if that was to be piped and has not been taken.
    pub stdout: Option<File>,
    /// What comes from its standard error, if that was to be piped and has not been taken.
    pub stderr: Option<File>,
}

impl Child {
    pub(super) fn new(process: OwnedHandle, id: u32, streams: [Option<File>; 3]) -> Self {
        let [stdin, stdout, stderr] = streams;
        Self { process, id, stdin, stdout, stderr }
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Closes its standard input and waits for its end.
    ///
    /// # Errors
    /// The system's answer.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.stdin = None;
        spawn::wait(self.as_handle(), None)?;
        self.status()
    }

    /// How it has ended, if it has.
    ///
    /// # Errors
    /// The system's answer.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if spawn::wait(self.as_handle(), Some(Duration::ZERO))? {
            self.status().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Waits for its end, taking in all that it writes to what is piped.
    ///
    /// # Errors
    /// The system's answer.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.stdin = None;
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (stdout, stderr) = thread::scope(|scope| {
            let errors = scope.spawn(move || all_of(stderr));
            let output = all_of(stdout);
            let errors =
                errors.join().map_err(|_| io::Error::other("reading standard error panicked"))?;
            Ok::<_, io::Error>((output?, errors?))
        })?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }

    /// Ends it at once, without its doing. One that has ended is no error.
    ///
    /// # Errors
    /// The system's answer.
    pub fn kill(&mut self) -> io::Result<()> {
        match spawn::terminate(self.as_handle()) {
            Err(error) if self.try_wait()?.is_none() => Err(error),
            _ => Ok(()),
        }
    }

    fn status(&self) -> io::Result<ExitStatus> {
        Ok(ExitStatus::from_raw(spawn::exit_code(self.as_handle())?))
    }
}

impl AsHandle for Child {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.process.as_handle()
    }
}

fn all_of(stream: Option<File>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
