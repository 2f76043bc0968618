//! Connections whose files are opened by request, and what tests of that need of the machine.

use std::env;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};

use ipc_core::files::{Metadata, Open, RelativePath, Root};
use ipc_core::{ImpersonationLevel, Result};
use rustix::fs::{FlockOperation, flock};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata as About, Subscriber};

use super::{Connected, User, skip, takes_root};
use crate::identity::ActAs;
use crate::mechanism::Chosen;
use crate::request::{Opener, Registrations, available};

/// The client's end of a connection, with what is registered for it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connected: Connected,
    pub(crate) known: Registrations,
    pub(crate) chosen: Chosen,
    act_as: ActAs,
}

impl Client {
    /// A connection that `user` made. Takes root.
    pub(crate) fn of(user: &User, chosen: Chosen) -> Self {
        let (known, act_as) = (Registrations::default(), ActAs::default());
        Self { connected: user.connect(), known, chosen, act_as }
    }

    /// What opens files for it, once it has granted that.
    pub(crate) fn opener(&self) -> Opener<'_> {
        let Self { connected, known, chosen, act_as } = self;
        let level = Some(ImpersonationLevel::Impersonation);
        Opener { peer: &connected.peer, level, act_as, chosen: *chosen, known }
    }

    pub(crate) fn open(&self, root: &dyn Root, name: &str) -> Result<File> {
        self.opener().open(root, &path(name), Open::Read)
    }

    pub(crate) fn list(&self, root: &dyn Root, name: &str) -> Result<File> {
        self.opener().open(root, &path(name), Open::List)
    }

    pub(crate) fn stat(&self, root: &dyn Root, name: &str) -> Result<Metadata> {
        self.opener().stat(root, &path(name))
    }

    /// The content of what it may open.
    pub(crate) fn read(&self, root: &dyn Root, name: &str) -> Result<String> {
        let mut text = String::new();
        self.open(root, name)?.read_to_string(&mut text).expect("readable once open");
        Ok(text)
    }
}

fn path(name: &str) -> RelativePath {
    RelativePath::new(name.as_bytes()).expect("a good path")
}

/// Holds the setting of the whole machine, by which one test switches requests off.
#[derive(Debug)]
pub(crate) struct Setting {
    _lock: File,
}

impl Setting {
    pub(crate) fn hold(how: FlockOperation) -> Self {
        let name = env::temp_dir().join("ipc-unix-tests.io_uring.lock");
        let lock = File::options().append(true).create(true).open(name).expect("opened");
        flock(&lock, how).expect("locked");
        Self { _lock: lock }
    }
}

/// What a test must hold that opens files by request; `None`, and said aloud, if it cannot run.
pub(crate) fn takes_requests(test: &str) -> Option<Setting> {
    if !takes_root(test) {
        return None;
    }
    let setting = Setting::hold(FlockOperation::LockShared);
    if let Err(why) = available() {
        skip(test, &format!("takes requests to open files: {why}"));
        return None;
    }
    Some(setting)
}

/// How many warnings `work` gives on this thread, beside its value.
pub(crate) fn warnings<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let heard = Arc::new(Mutex::new(0));
    let value = tracing::subscriber::with_default(Warnings(Arc::clone(&heard)), work);
    let count = *heard.lock().expect("counted");
    (count, value)
}

struct Warnings(Arc<Mutex<usize>>);

impl Subscriber for Warnings {
    fn enabled(&self, about: &About<'_>) -> bool {
        *about.level() == Level::WARN
    }

    fn event(&self, _: &Event<'_>) {
        *self.0.lock().expect("counted") += 1;
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
