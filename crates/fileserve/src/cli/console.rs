//! Lines on standard output that no request ever waits for.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Prints lines in the order they come, from a thread of its own. If the reader of standard output
/// is slower than the server, lines are left out and counted rather than requests held up.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    lines: Sender<Option<String>>,
    left_out: Arc<AtomicU64>,
}

impl Console {
    pub(crate) fn start() -> io::Result<(Self, Printer)> {
        let (lines, waiting) = bounded(MAX_WAITING);
        let (ended, printer) = bounded(1);
        let left_out = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&left_out);
        thread::Builder::new().name("console".to_owned()).spawn(move || {
            print_all(&waiting, &counter);
            let _ = ended.send(());
        })?;
        Ok((Self { lines, left_out }, Printer(printer)))
    }

    pub(crate) fn line(&self, line: String) {
        if self.lines.try_send(Some(line)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what has come is printed, unless the reader takes its time.
    pub(crate) fn finish(&self, printer: &Printer) {
        if self.lines.send_timeout(None, PATIENCE).is_ok() {
            let _ = printer.0.recv_timeout(PATIENCE);
        }
    }
}

/// Tells when the last line is printed.
#[derive(Debug)]
pub(crate) struct Printer(Receiver<()>);

/// Until the end is asked for, or nobody reads any more: the server serves on all the same.
fn print_all(waiting: &Receiver<Option<String>>, left_out: &AtomicU64) {
    let mut out = io::stdout().lock();
    while let Ok(Some(line)) = waiting.recv() {
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 && writeln!(out, "({missing} lines left out: printing is slow)").is_err() {
            return;
        }
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
}

/// How long the end of the program may be held up by whoever reads its output.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many lines may wait to be printed.
const MAX_WAITING: usize = 4096;
