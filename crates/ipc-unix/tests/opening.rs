//! Servers that open files as their clients, by each mechanism.
#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::thread;

use ipc_core::files::{Open, RelativePath};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Error, ErrorKind,
    ImpersonationLevel, Result, Transport,
};
use ipc_testkit::skip;
use ipc_unix::{Mechanism, OpensBy, UnixRoot, UnixTransport};
use rustix::process::{Gid, Uid};
use tempfile::TempDir;

const CLIENT: u32 = 41_500;

const ALL: [Mechanism; 3] = [Mechanism::Auto, Mechanism::Request, Mechanism::Thread];

#[test]
fn a_client_of_another_user_gets_what_it_may_open_by_each_mechanism() {
    const TEST: &str = "a_client_of_another_user_gets_what_it_may_open_by_each_mechanism";
    if !rustix::process::geteuid().is_root() {
        return skip(TEST, "takes root");
    }
    let place = place();
    let root = UnixRoot::open_dir(place.path().join("files")).expect("opens");
    let content =
        |file: Result<_>| -> Result<String> { Ok(std::io::read_to_string(file?).expect("read")) };
    for mechanism in ALL {
        let transport = UnixTransport::new().mode(0o666).mechanism(mechanism);
        if let Err(error) = transport.opens_by() {
            skip(&format!("{TEST}, {mechanism:?}"), &error.chain());
            continue;
        }
        let (server, client) = pair(&transport, &place, become_client);
        let open =
            |name: &str, how| server.open_as_peer(&root, &RelativePath::new(name.as_bytes())?, how);
        let refusal = open("clients", Open::Read).expect_err("nothing is granted yet");
        assert!(matches!(refusal, Error::LevelTooLow { .. }), "{refusal:?}");
        server.state_level(ImpersonationLevel::Impersonation).expect("once");
        for _ in 0..3 {
            assert_eq!(content(open("clients", Open::Read)).expect("its own"), "clients");
            let refusal = open("roots", Open::Read).expect_err("another's");
            assert_eq!(refusal.kind(), ErrorKind::PermissionDenied);
            let refusal = open("", Open::Read).expect_err("no file");
            assert_eq!(refusal.kind(), ErrorKind::IsADirectory);
            open("", Open::List).expect("all may list it");
            let roots = RelativePath::new(b"roots").expect("a path");
            let found = server.stat_as_peer(&root, &roots).expect("all may look");
            assert_eq!(found.length, 5);
        }
        let path = RelativePath::new(b"clients").expect("a path");
        for refusal in [
            client.open_as_peer(&root, &path, Open::Read).map(drop),
            client.stat_as_peer(&root, &path).map(drop),
        ] {
            let refusal = refusal.expect_err("a server grants its clients nothing");
            assert!(matches!(refusal, Error::Unsupported { .. }), "{refusal:?}");
        }
    }
}

#[test]
fn a_server_opens_for_its_own_user_by_what_it_says_it_does() {
    let place = place();
    let root = UnixRoot::open_dir(place.path().join("files")).expect("opens");
    for mechanism in ALL {
        let transport = UnixTransport::new().mechanism(mechanism);
        let is_root = rustix::process::geteuid().is_root();
        match transport.opens_by() {
            Ok(OpensBy::Request) => assert!(is_root && mechanism != Mechanism::Thread),
            Ok(OpensBy::Thread { why }) => assert!(!why.is_empty()),
            Ok(OpensBy::Itself) => assert!(!is_root),
            Ok(other) => panic!("{other}"),
            Err(error) => {
                assert_eq!((mechanism, error.kind()), (Mechanism::Request, ErrorKind::Unsupported));
                let refusal = transport.bind(&endpoint(&place), &BindOptions::new());
                assert_eq!(refusal.expect_err("as it says").kind(), ErrorKind::Unsupported);
                continue;
            }
        }
        let (server, _client) = pair(&transport, &place, || ());
        server.state_level(ImpersonationLevel::Impersonation).expect("once");
        let path = RelativePath::new(b"roots").expect("a path");
        for _ in 0..2 {
            server.open_as_peer(&root, &path, Open::Read).expect("its own");
        }
    }
}

/// A server's end, and that of a client which first did `as_whom` on its thread.
fn pair(
    transport: &UnixTransport,
    place: &TempDir,
    as_whom: impl FnOnce() + Send,
) -> (Box<dyn Connection>, Box<dyn Connection>) {
    let at = endpoint(place);
    let listener = transport.bind(&at, &BindOptions::new()).expect("binds");
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            as_whom();
            transport.connect(&at, &ConnectOptions::new()).expect("connects")
        });
        let server = listener.accept(Deadline::NEVER).expect("accepts");
        (server, client.join().expect("connected"))
    })
}

/// Makes this thread the client for good.
fn become_client() {
    let (uid, gid) = (Uid::from_raw(CLIENT), Gid::from_raw(CLIENT));
    rustix::thread::set_thread_groups(&[]).expect("root may");
    rustix::thread::set_thread_res_gid(gid, gid, gid).expect("root may");
    rustix::thread::set_thread_res_uid(uid, uid, uid).expect("root may");
}

fn endpoint(place: &TempDir) -> Endpoint {
    format!("unix:{}/socket", place.path().display()).parse().expect("an endpoint")
}

/// A directory with room for a socket and files of the client's and of this user's.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    let files = place.path().join("files");
    fs::create_dir(&files).expect("created");
    for open_to_all in [place.path(), &files] {
        fs::set_permissions(open_to_all, Permissions::from_mode(0o755)).expect("its owner may");
    }
    for (name, owner) in [("roots", None), ("clients", Some(CLIENT))] {
        let path = files.join(name);
        fs::write(&path, name).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its owner may");
        if rustix::process::geteuid().is_root() {
            chown(&path, owner, owner).expect("root may");
        }
    }
    place
}
