//! Lines on standard output that no request ever waits for.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Prints lines in the order they come, from a thread of its own. If the reader of standard output
/// is slower than the server, lines are left out and counted rather than requests held up.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    lines: Sender<String>,
    left_out: Arc<AtomicU64>,
}

impl Console {
    pub(crate) fn start() -> io::Result<(Self, JoinHandle<()>)> {
        let (lines, waiting) = bounded(MAX_WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&left_out);
        let printer = thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || print_all(&waiting, &counter))?;
        Ok((Self { lines, left_out }, printer))
    }

    pub(crate) fn line(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Until every [`Console`] is gone, or nobody reads any more: the server serves on all the same.
fn print_all(waiting: &Receiver<String>, left_out: &AtomicU64) {
    let mut out = io::stdout().lock();
    for line in waiting {
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 && writeln!(out, "({missing} lines left out: printing is slow)").is_err() {
            return;
        }
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
}

/// How many lines may wait to be printed.
const MAX_WAITING: usize = 4096;
