use std::fs;
use std::thread;

use ipc_core::Error;

use super::*;
use crate::root::UnixRoot;
use crate::testing::requests::{Client, takes_requests};
use crate::testing::tree::{client, tree};
use crate::testing::{Connected, User, is_root};

mod answers;
mod lives;
mod refusals;

/// Lays down every right of this thread, for good, so that it can become nobody any more.
fn give_up_all_rights() {
    use crate::switch::thread::{Capabilities, ThreadIdentity};
    let thread = crate::sys::thread_identity::this_thread().expect("threads have identities");
    let nobody = rustix::process::Uid::from_raw(42_000);
    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may");
    thread.set_capabilities(Capabilities::default()).expect("less is always allowed");
}

#[test]
fn once_registered_a_thread_without_any_right_opens_as_its_client_and_nothing_else() {
    const TEST: &str =
        "once_registered_a_thread_without_any_right_opens_as_its_client_and_nothing_else";
    let Some(_setting) = takes_requests(TEST) else { return };
    let directory = tree();
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    thread::scope(|scope| {
        scope.spawn(|| {
            let client = Client::of(&client(), Chosen::RequestOnly);
            let stranger = Client::of(&User::new(41_700, &[]), Chosen::RequestOnly);
            assert_eq!(client.read(&root, "own-0600").expect("may"), "own-0600");
            give_up_all_rights();
            for _ in 0..3 {
                assert_eq!(client.read(&root, "own-0600").expect("may"), "own-0600");
                let refusal = client.open(&root, "root-0600").expect_err("may not");
                assert_eq!(refusal.kind(), ipc_core::ErrorKind::PermissionDenied);
                fs::File::open(directory.path().join("own-0600")).expect_err("as itself: nothing");
            }
            // Whoever is not registered is not to be had any more.
            let refusal = stranger.open(&root, "strangers-0600").expect_err("too late");
            assert!(matches!(refusal, Error::NotPrivileged { .. }), "{refusal:?}");
        });
    });
}

#[test]
fn what_forbids_to_act_as_a_peer_forbids_to_ask_for_it() {
    let nobody = User::new(65_534, &[]);
    let Some(_setting) = takes_requests("what_forbids_to_act_as_a_peer_forbids_to_ask_for_it")
    else {
        return;
    };
    let root = UnixRoot::open_dir("/").expect("opens");
    for chosen in [Chosen::Thread, Chosen::Request, Chosen::RequestOnly] {
        let refusal = Client::of(&nobody, chosen).open(&root, "etc/passwd").expect_err("refused");
        assert!(matches!(refusal, Error::IdentityRefused { .. }), "{refusal:?}");
        let client = Client::of(&client(), chosen);
        for level in [None, Some(ImpersonationLevel::Identification)] {
            // Also where it is registered, as from the second round on.
            let refused = Opener { level, ..client.opener() };
            for _ in 0..2 {
                let refusal = refused
                    .open(&root, &RelativePath::new(b"etc/passwd").expect("a path"), Open::Read)
                    .expect_err("refused");
                assert!(matches!(refusal, Error::LevelTooLow { .. }), "{refusal:?}");
                client.open(&root, "etc/passwd").expect("granted");
            }
        }
    }
}

#[test]
fn t27_an_open_within_an_open_is_refused_by_each_mechanism() {
    let Some(_setting) = takes_requests("t27_an_open_within_an_open_is_refused_by_each_mechanism")
    else {
        return;
    };
    let directory = tree();
    for chosen in [Chosen::Thread, Chosen::RequestOnly] {
        let (outer, inner) = (Client::of(&client(), chosen), Client::of(&client(), chosen));
        let root = Nesting { root: UnixRoot::open_dir(directory.path()).expect("opens"), inner };
        for _ in 0..2 {
            let refusal = outer.open(&root, "own-0600").expect_err("refused");
            assert!(matches!(refusal, Error::Nested), "{refusal:?}");
        }
    }
}

/// A root that admits what it opens for somebody else.
#[derive(Debug)]
struct Nesting {
    root: UnixRoot,
    inner: Client,
}

impl Root for Nesting {
    fn directory(&self) -> Option<&File> {
        self.root.directory()
    }

    fn rules(&self) -> ipc_core::files::ResolveRules {
        self.root.rules()
    }

    fn admit(&self, _: File, _: Open) -> Result<File> {
        self.inner.open(&self.root, "own-0600")
    }

    fn open(&self, by: &AsPeer, path: &RelativePath, how: Open) -> Result<File> {
        self.admit(self.root.open(by, path, how)?, how)
    }

    fn stat(&self, by: &AsPeer, path: &RelativePath) -> Result<Metadata> {
        self.root.stat(by, path)
    }

    fn metadata(&self, file: &File) -> io::Result<Metadata> {
        self.root.metadata(file)
    }

    fn entries(
        &self,
        directory: &File,
        each: &mut dyn FnMut(ipc_core::files::DirectoryEntry) -> bool,
    ) -> io::Result<()> {
        self.root.entries(directory, each)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.root.read_at(file, buffer, at)
    }
}

#[test]
fn an_unprivileged_server_opens_for_its_own_user_as_before() {
    let serve = || {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("notes"), "mine").expect("written");
        let root = UnixRoot::open_dir(directory.path()).expect("opens");
        let oneself = Connected::with_self();
        let known = Registrations::default();
        let opener = Opener {
            peer: &oneself.peer,
            level: Some(ImpersonationLevel::Impersonation),
            act_as: &ActAs::default(),
            chosen: Chosen::Request,
            known: &known,
        };
        for _ in 0..2 {
            let path = RelativePath::new(b"notes").expect("a path");
            opener.open(&root, &path, Open::Read).expect("its own");
        }
        assert!(known.0.lock().is_empty(), "what the thread is already needs no registering");
    };
    if is_root() { User::new(42_000, &[]).run(serve) } else { serve() }
}

/// How many of the clients' registrations there are.
fn count(client: &Client) -> usize {
    client.known.0.lock().len()
}
