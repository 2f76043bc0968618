//! `fileserve get`.

use std::io::{self, IsTerminal as _, Write};

use fileserve::client::Progress;
use fileserve::destination::{Destination, Place};
use fileserve::protocol::Part;
use fileserve::resume::Partial;
use fileserve::{Error, FileClient};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ipc_core::{Deadline, ErrorKind};

use super::args::Get;
use super::reach::Reached;
use super::source::{Content, Source};
use super::{Failed, say, shown};

pub(crate) fn get(mut arguments: Get) -> Result<(), Failed> {
    let doing = format!("get `{}`", shown(&arguments.path));
    // Before connecting: the number in `/dev/fd/N` is still nothing of this program's own then, and
    // no server is kept waiting for who reads a FIFO.
    let deadline = Deadline::from(arguments.reach.timeout);
    let output = arguments.output.as_ref().map(|output| Destination::open(output, deadline));
    let output = output.transpose().map_err(|error| Failed::new(&doing, error))?;
    arguments.reach.timeout = deadline.remaining();
    let mut reached = Reached::connect(&arguments.reach)?;
    let source = Source::find(&mut reached, &arguments.path, arguments.pass)?;
    let content = Content::of(source, &mut reached, &arguments.path, arguments.handle)?;
    let part = arguments.range.clone().unwrap_or(Part::WHOLE);
    let files = &mut reached.files;
    let outcome = match output {
        None => stream(files, content, &part, &mut io::stdout().lock()),
        Some(Destination::Stream(mut to)) => stream(files, content, &part, &mut to),
        Some(Destination::File(place)) => collect(files, content, &part, place, arguments.resume),
    };
    outcome.map_err(|error| Failed::new(doing, error))
}

/// Passes the content on as it comes.
fn stream(
    files: &mut FileClient,
    content: Content,
    part: &Part,
    to: &mut dyn Write,
) -> Result<(), Error> {
    let mut incoming = content.open(files, part)?;
    let bar = Bar::new(incoming.head().length, !io::stdout().is_terminal());
    match incoming.copy_to(to, &mut |progress| bar.show(progress)) {
        // Whoever read has read all they wanted.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Collects the content beside `place`, and gives it that name when it is whole.
fn collect(
    files: &mut FileClient,
    content: Content,
    part: &Part,
    place: Place,
    resume: bool,
) -> Result<(), Error> {
    let (mut partial, part) = if resume {
        let partial = Partial::resume(place)?;
        let missing = partial.missing();
        (partial, missing)
    } else {
        (Partial::begin(place)?, part.clone())
    };
    let had = partial.received();
    if resume && had > 0 {
        say(&format!("fileserve: going on after {had} bytes"));
    }
    match receive(files, content, &part, &mut partial) {
        Ok(()) => partial.finish(),
        Err(error) => {
            let (kept, at) = (partial.received(), partial.part().display().to_string());
            let can_resume = partial.missing().of.is_some();
            if partial.keep_unless_empty() && error.kind() != ErrorKind::Changed {
                let then = if can_resume { "; `--resume` goes on there" } else { "" };
                say(&format!("fileserve: kept {kept} bytes in `{at}`{then}"));
            }
            Err(error)
        }
    }
}

fn receive(
    files: &mut FileClient,
    content: Content,
    part: &Part,
    partial: &mut Partial,
) -> Result<(), Error> {
    let mut incoming = content.open(files, part)?;
    partial.accept(part, incoming.head())?;
    let bar = Bar::new(incoming.head().length, true);
    incoming.copy_to(partial, &mut |progress| bar.show(progress))
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
