//! What a server says about its connections: enough to see what goes on, however much does.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fileserve::record::Record;
use ipc_core::server::Observer;
use ipc_core::{Error, Failure, Peer};

use super::console::Console;

/// Tells the operator what happens to connections, beside the requests. Of each kind of event only
/// a few in a while are told, and the others counted: who connects without end, or what goes wrong
/// without end, fills no log.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    console: Console,
    quotas: Arc<Quotas>,
}

#[derive(Debug, Default)]
struct Quotas {
    refused: Mutex<Quota>,
    failed: Mutex<Quota>,
    cannot_accept: Mutex<Quota>,
    cut: Mutex<Quota>,
}

impl Notices {
    pub(crate) fn new(console: Console) -> Self {
        Self { console, quotas: Arc::default() }
    }

    /// Says how many were left out since the last that was told.
    pub(crate) fn finish(&self) {
        let Quotas { refused, failed, cannot_accept, cut } = &*self.quotas;
        for (quota, what) in [
            (refused, "clients were not served"),
            (failed, "clients were disconnected"),
            (cannot_accept, "attempts to accept clients failed"),
            (cut, "answers were cut"),
        ] {
            let left_out = mem::take(&mut lock(quota).left_out);
            if left_out > 0 {
                self.console.line(format!("fileserve: {left_out} more {what}"));
            }
        }
    }

    /// A client that got only the beginning of a file may not know.
    pub(crate) fn look_for_cut(&self, record: &Record) {
        let Record { path: Some(path), cut: true, bytes, outcome: Ok(()), .. } = record else {
            return;
        };
        self.tell(&self.quotas.cut, || {
            let who = Who(record.peer.as_ref());
            format!("warning: {who} got `{path}` cut to {bytes} bytes; the protocol has no room for more")
        });
    }

    fn tell(&self, quota: &Mutex<Quota>, text: impl FnOnce() -> String) {
        let told = lock(quota).take(Instant::now());
        if let Some(remark) = told {
            self.console.line(format!("fileserve: {}{remark}", text()));
        }
    }
}

impl Observer for Notices {
    fn refused(&self, peer: Option<&Peer>, why: &Failure) {
        self.tell(&self.quotas.refused, || format!("{} is not served: {why}", Who(peer)));
    }

    fn failed(&self, peer: Option<&Peer>, error: &Error) {
        self.tell(&self.quotas.failed, || {
            format!("{} was disconnected: {}", Who(peer), error.chain())
        });
    }

    fn cannot_accept(&self, error: &Error) {
        self.tell(&self.quotas.cannot_accept, || {
            format!("no client can be accepted for now: {}", error.chain())
        });
    }
}

/// How many events of one kind may still be told.
#[derive(Debug, Default)]
struct Quota {
    /// When it is renewed.
    until: Option<Instant>,
    told: u32,
    left_out: u64,
}

impl Quota {
    /// One more event at `now`: what is to be added when it is told, `None` if it is only counted.
    fn take(&mut self, now: Instant) -> Option<String> {
        if self.until.is_none_or(|until| now >= until) {
            (self.until, self.told) = (Some(now + WHILE), 1);
            return Some(match mem::take(&mut self.left_out) {
                0 => String::new(),
                more => format!(" (and {more} more before it)"),
            });
        }
        if self.told < MOST {
            self.told += 1;
            let is_last = self.told == MOST;
            return Some(if is_last { HUSH.to_owned() } else { String::new() });
        }
        self.left_out += 1;
        None
    }
}

/// A quota is whole between any two of its changes.
fn lock(quota: &Mutex<Quota>) -> MutexGuard<'_, Quota> {
    quota.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Who<'a>(Option<&'a Peer>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(peer) => peer.fmt(f),
            None => f.write_str("a client"),
        }
    }
}

/// So many events of one kind are told in a [`WHILE`].
const MOST: u32 = 5;
const WHILE: Duration = Duration::from_secs(10);
const HUSH: &str = " (for 10 seconds more of these are only counted)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_without_end_is_told_now_and_then_with_how_often_it_did() {
        let mut quota = Quota::default();
        let start = Instant::now();
        let mut told = Vec::new();
        for second in 0..60 {
            for _ in 0..100 {
                told.extend(quota.take(start + Duration::from_secs(second)));
            }
        }
        assert_eq!(told.len(), 6 * 5);
        assert_eq!(told[..6], ["", "", "", "", HUSH, " (and 995 more before it)"]);
        assert_eq!(quota.left_out, 995);
        let later = start + Duration::from_secs(100);
        assert_eq!(quota.take(later).as_deref(), Some(" (and 995 more before it)"));
        assert_eq!(quota.take(later).as_deref(), Some(""));
    }
}
