//! `fileserve get`.
#![allow(clippy::disallowed_methods, reason = "files of the client's own")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use fileserve::client::Progress;
use fileserve::protocol::{Part, WirePath};
use fileserve::resume::Partial;
use fileserve::{Error, FileClient};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ipc_core::ErrorKind;

use super::args::Get;
use super::reach::Reached;
use super::{Failed, say, shown};

pub(crate) fn get(arguments: Get) -> Result<(), Failed> {
    let doing = format!("get `{}`", shown(&arguments.path));
    let mut reached = Reached::connect(&arguments.reach)?;
    let path = reached.path(&arguments.path)?;
    let part = arguments.range.clone().unwrap_or(Part::WHOLE);
    let files = &mut reached.files;
    let outcome = match &arguments.output {
        None => stream(files, &path, &part, &mut io::stdout().lock()),
        Some(output) => match special(output) {
            Some(opened) => opened
                .map_err(Error::Output)
                .and_then(|mut device| stream(files, &path, &part, &mut device)),
            None => collect(files, &path, &part, output, arguments.resume),
        },
    };
    outcome.map_err(|error| Failed::new(doing, error))
}

/// Passes the content on as it comes.
fn stream(
    files: &mut FileClient,
    path: &WirePath,
    part: &Part,
    to: &mut dyn Write,
) -> Result<(), Error> {
    let mut incoming = files.open(path, part)?;
    let bar = Bar::new(incoming.head().length, !io::stdout().is_terminal());
    match incoming.copy_to(to, &mut |progress| bar.show(progress)) {
        // Whoever read has read all they wanted.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Collects the content beside `output`, and gives it that name when it is whole.
fn collect(
    files: &mut FileClient,
    path: &WirePath,
    part: &Part,
    output: &Path,
    resume: bool,
) -> Result<(), Error> {
    let (mut partial, part) = if resume {
        let partial = Partial::resume(output)?;
        let missing = partial.missing();
        (partial, missing)
    } else {
        (Partial::begin(output)?, part.clone())
    };
    let had = partial.received();
    if resume && had > 0 {
        say(&format!("fileserve: going on after {had} bytes"));
    }
    let mut bar = None;
    let received = files.receive(path, &part, &mut partial, &mut |progress| {
        bar.get_or_insert_with(|| Bar::new(progress.announced, true)).show(progress);
    });
    drop(bar);
    match received {
        Ok(_) => partial.finish(),
        Err(error) => {
            let (kept, at) = (partial.received(), partial.part().display().to_string());
            if partial.keep_unless_empty() && error.kind() != ErrorKind::Changed {
                say(&format!("fileserve: kept {kept} bytes in `{at}`; `--resume` goes on there"));
            }
            Err(error)
        }
    }
}

/// A device, a FIFO, a terminal: takes the bytes as they come, and is never replaced by a file.
fn special(output: &Path) -> Option<io::Result<File>> {
    let metadata = fs::metadata(output).ok()?;
    let is_special = !metadata.is_file() && !metadata.is_dir();
    is_special.then(|| OpenOptions::new().write(true).open(output))
}

/// A progress bar on a terminal, for what takes long enough to look at.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(length: u64, wanted: bool) -> Self {
        let shown = wanted && length >= WORTH_A_BAR && io::stderr().is_terminal();
        Self(shown.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let style = ProgressStyle::with_template(
                "{bytes:>12} of {total_bytes}  {wide_bar}  {binary_bytes_per_sec}  {eta} left",
            );
            let bar = ProgressBar::with_draw_target(Some(length), target);
            // The template is a constant; if it were wrong the default style would do.
            if let Ok(style) = style { bar.with_style(style) } else { bar }
        }))
    }

    fn show(&self, progress: Progress) {
        if let Some(bar) = &self.0 {
            bar.set_position(progress.received);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// From how many bytes on a transfer has a progress bar.
const WORTH_A_BAR: u64 = 8 << 20;
