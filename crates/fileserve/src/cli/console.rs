//! Lines of output that nothing in a server ever waits for.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Prints lines in the order they come, from a thread of its own. If the reader is slower than the
/// server, lines are left out and counted rather than requests held up.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    lines: Sender<Option<String>>,
    left_out: Arc<AtomicU64>,
    /// Ends with the thread.
    printed: Receiver<()>,
}

impl Console {
    /// Prints to `out`.
    pub(crate) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = bounded(MAX_WAITING);
        let (printing, printed) = bounded(0);
        let left_out = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&left_out);
        thread::Builder::new().name("console".to_owned()).spawn(move || {
            print_all(out, &waiting, &counter);
            drop(printing);
        })?;
        Ok(Self { lines, left_out, printed })
    }

    pub(crate) fn line(&self, line: String) {
        if self.lines.try_send(Some(line)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what has come is printed, unless the reader takes its time.
    pub(crate) fn finish(&self) {
        if self.lines.send_timeout(None, PATIENCE).is_ok() {
            let _ = self.printed.recv_timeout(PATIENCE);
        }
    }
}

/// Until the end is asked for, or nobody reads any more: the server serves on all the same.
fn print_all(mut out: impl Write, waiting: &Receiver<Option<String>>, left_out: &AtomicU64) {
    while let Ok(Some(line)) = waiting.recv() {
        let text = match left_out.swap(0, Ordering::Relaxed) {
            0 => format!("{line}\n"),
            missing => format!("({missing} lines left out: printing is slow)\n{line}\n"),
        };
        if out.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// How long the end of the program may be held up by whoever reads its output.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many lines may wait to be printed.
const MAX_WAITING: usize = 4096;
