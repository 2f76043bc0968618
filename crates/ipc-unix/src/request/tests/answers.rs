//! The same answers by a request as by a thread that has become the peer.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use ipc_core::ErrorKind;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;
use crate::testing::tree::{MATRIX, NODES};

#[test]
fn the_client_gets_what_it_may_open_and_its_own_refusal_for_the_rest() {
    const TEST: &str = "the_client_gets_what_it_may_open_and_its_own_refusal_for_the_rest";
    let Some(_setting) = takes_requests(TEST) else { return };
    let directory = tree();
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let client = registered(&client(), &root);
    for (name, refusal) in MATRIX {
        let outcome = client.open(&root, name);
        assert_eq!(outcome.err().map(|error| error.kind()), refusal, "{name}");
    }
}

#[test]
fn each_user_gets_the_same_answers_by_each_mechanism() {
    let Some(_setting) = takes_requests("each_user_gets_the_same_answers_by_each_mechanism") else {
        return;
    };
    let directory = everything();
    let users = [
        client(),
        User::new(41_500, &[]),
        User::new(41_700, &[]),
        User::new(41_701, &[41_600, 41_500]),
        User::new(41_702, &[0]),
        User::new(0, &[]),
        User { uid: 0, gid: 41_600, groups: vec![41_500] },
    ];
    let plain = UnixRoot::open_dir(directory.path()).expect("opens");
    let strict = UnixRoot::open_dir(directory.path()).expect("opens").follow_links(false);
    let all = UnixRoot::open_dir("/").expect("opens");
    let one_volume = UnixRoot::open_dir("/").expect("opens").cross_mounts(false);
    let names = names();
    let mut compared = 0;
    for user in &users {
        let by_thread = Client::of(user, Chosen::Thread);
        let by_request = registered(user, &plain);
        for (root, names) in
            [(&plain, &names[..]), (&strict, &names), (&all, &OF_ALL), (&one_volume, &OF_ALL)]
        {
            for name in names {
                let answers = |client: &Client| {
                    let opened = |outcome: Result<File>| outcome.and_then(|file| is(root, &file));
                    [
                        opened(client.open(root, name)).map_err(told),
                        opened(client.list(root, name)).map_err(told),
                        client.stat(root, name).map_err(told),
                    ]
                };
                assert_eq!(answers(&by_request), answers(&by_thread), "{user:?} {name}");
                compared += 3;
            }
        }
    }
    assert!(compared > 900, "{compared}");
}

/// A client whose next open is by request, and by nothing else.
fn registered(user: &User, root: &UnixRoot) -> Client {
    let client = Client::of(user, Chosen::RequestOnly);
    let _ = client.open(root, "others-0644");
    assert_eq!(count(&client), 1);
    client
}

/// What of a file does not change by looking at it.
fn is(root: &UnixRoot, file: &File) -> Result<Metadata> {
    Ok(root.metadata(file).expect("open"))
}

/// All that a client learns of a refusal.
fn told(error: Error) -> (ErrorKind, String) {
    (error.kind(), error.chain())
}

const OF_ALL: [&str; 8] = [
    "etc/shadow",
    "etc/passwd",
    "proc/version",
    "proc/self/status",
    "proc/self/exe",
    "proc/self/fd/0",
    "root",
    "dev/null",
];

fn names() -> Vec<&'static str> {
    let nodes = NODES.iter().map(|(name, ..)| name.trim_end_matches('/'));
    nodes.chain(BESIDE).chain(["missing", "unsearchable/missing", "others-0644/x"]).collect()
}

const BESIDE: [&str; 12] = [
    "link-in",
    "link-to-unreadable",
    "link-out",
    "link-far",
    "link-to-proc",
    "link-to-itself",
    "link-nowhere",
    "link-into-unsearchable",
    "fifo",
    "socket",
    "directory",
    "directory/inner",
];

/// The tree, with what is no file of its own beside it.
fn everything() -> TempDir {
    let directory = tree();
    let at = |name: &str| directory.path().join(name);
    for (name, target) in [
        ("link-in", "others-0644"),
        ("link-to-unreadable", "root-0600"),
        ("link-out", "../../etc/passwd"),
        ("link-far", "/etc/passwd"),
        ("link-to-proc", "/proc/self/exe"),
        ("link-to-itself", "link-to-itself"),
        ("link-nowhere", "missing"),
        ("link-into-unsearchable", "unsearchable/others-0644"),
    ] {
        symlink(target, at(name)).expect("linked");
    }
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("made");
    drop(UnixListener::bind(at("socket")).expect("bound"));
    fs::create_dir(at("directory")).expect("created");
    fs::write(at("directory/inner"), "inner").expect("written");
    directory
}
