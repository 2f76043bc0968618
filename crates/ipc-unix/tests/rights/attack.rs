//! Files, directories and links that change places while clients read: nobody gets what lies outside
//! of the root, or what is another's.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ipc_core::ErrorKind;
use ipc_core::files::Open;
use ipc_testkit::child::{self, Process};
use ipc_testkit::skip;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::geteuid;

use crate::server::{Server, Way};
use crate::users::User;
use crate::{QUIET, is_soak, report};

#[test]
fn t29_t40_whatever_is_swapped_meanwhile_no_client_gets_what_it_may_not_read() {
    let name = "t29_t40_whatever_is_swapped_meanwhile_no_client_gets_what_it_may_not_read";
    if !geteuid().is_root() {
        return skip(name, "takes root");
    }
    let _loud = QUIET.write();
    let place = tempfile::tempdir().expect("a directory");
    build(place.path());
    let users = CLIENTS.map(|uid| User { uid, gid: uid, groups: Vec::new() });
    let server = Server::start(&place.path().join("root"), &users);
    let mut attacker = Process::start(ATTACKER, &[place.path().to_str().expect("text")]);
    assert_eq!(attacker.hear(), "begun");
    let end = Instant::now() + if is_soak() { Duration::from_secs(60) } else { Duration::ZERO };
    let totals = thread::scope(|scope| {
        let clients: [_; 4] = std::array::from_fn(|client| {
            let server = &server;
            scope.spawn(move || read_until(end, server, client))
        });
        clients.map(|client| client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    attacker.kill();
    let opened: u32 =
        totals.iter().map(|seen| seen.values().map(|(given, _)| given).sum::<u32>()).sum();
    report(&format!("{name}: {opened} opened, none of them wrong"));
}

/// What came of each name, by each way: how often it was given, and refused.
type Seen = BTreeMap<(&'static str, &'static str), (u32, u32)>;

/// Reads every name by every way until `end`, and until all that changes places was met in
/// both of them.
fn read_until(end: Instant, server: &Server, client: usize) -> Seen {
    let own = format!("own {client}");
    let mut seen = Seen::new();
    for round in 0.. {
        for (way, by) in [("thread", Way::Thread), ("request", Way::Request), ("check", Way::Check)]
        {
            for name in NAMES {
                let (given, refused) = seen.entry((way, name)).or_default();
                match server.open(by, client, name, Open::Read) {
                    Ok(mut file) => {
                        let mut content = String::new();
                        file.read_to_string(&mut content).expect("read");
                        let may = content == own || content == "for all";
                        assert!(may, "client {client} read `{content}` at {name} by {way}");
                        *given += 1;
                    }
                    Err(error) => {
                        let kind = error.kind();
                        assert!(REFUSALS.contains(&kind), "{name} by {way}: {error}");
                        *refused += 1;
                    }
                }
            }
        }
        let met = seen.values().all(|(given, refused)| *given > 0 && *refused > 0);
        if round >= ROUNDS && met && Instant::now() >= end {
            break;
        }
    }
    seen
}

/// What a client may meet: no right, out of the root, nothing there for a moment, or (as the kernel
/// says of a path that is being moved again and again) try again.
const REFUSALS: [ErrorKind; 4] =
    [ErrorKind::PermissionDenied, ErrorKind::OutsideRoot, ErrorKind::NotFound, ErrorKind::Busy];

/// All of these are now one thing and now another.
const NAMES: [&str; 9] = [
    "turn/a/x",
    "turn/b/x",
    "door/a/x",
    "door/b/x",
    "file/a",
    "file/b",
    "own/a",
    "way",
    "deep/er/up",
];

const ROUNDS: u32 = 200;
const CLIENTS: [u32; 4] = [41_500, 41_501, 41_502, 41_503];

/// What is to be attacked: at each of two names something for all, and something for nobody.
fn build(place: &Path) {
    let root = place.join("root");
    fs::set_permissions(place, Permissions::from_mode(0o755)).expect("root may");
    for directory in
        ["outside", "root/turn/a", "root/door/a", "root/door/b", "root/file", "root/own"]
    {
        fs::create_dir_all(place.join(directory)).expect("created");
    }
    fs::create_dir_all(root.join("deep/er")).expect("created");
    fs::create_dir_all(place.join("elsewhere/deep")).expect("created");
    let file = |name: &str, content: &str, mode| {
        fs::write(place.join(name), content).expect("written");
        fs::set_permissions(place.join(name), Permissions::from_mode(mode)).expect("root may");
    };
    // Everybody may read what lies outside: only the root keeps it from them.
    file("outside/x", "OUTSIDE", 0o644);
    file("elsewhere/top", "OUTSIDE", 0o644);
    file("root/turn/a/x", "for all", 0o644);
    symlink("../../outside", root.join("turn/b")).expect("linked");
    file("root/door/a/x", "for all", 0o644);
    file("root/door/b/x", "CLOSED", 0o644);
    fs::set_permissions(root.join("door/b"), Permissions::from_mode(0o700)).expect("root may");
    file("root/file/a", "for all", 0o644);
    file("root/file/b", "PRIVATE", 0o600);
    for (client, uid) in CLIENTS.iter().enumerate() {
        let name = format!("root/own/{}", ["a", "b", "c", "d"][client]);
        file(&name, &format!("own {client}"), 0o600);
        chown(place.join(&name), Some(*uid), Some(*uid)).expect("root may");
    }
    file("root/top", "for all", 0o644);
    symlink("../../top", root.join("deep/er/up")).expect("linked");
    symlink("file/a", root.join("way")).expect("linked");
}

const ATTACKER: &str = "attack::the_attacker";

/// Does nothing unless it was started to attack.
#[test]
fn the_attacker() {
    if let Some(arguments) = child::role(ATTACKER) {
        attack(Path::new(&arguments.concat()));
    }
}

fn attack(place: &Path) {
    let root = place.join("root");
    let swap = |one: &str, other: &str| {
        renameat_with(CWD, root.join(one), CWD, root.join(other), RenameFlags::EXCHANGE)
            .expect("swapped");
    };
    for round in 0_usize.. {
        swap("turn/a", "turn/b");
        swap("door/a", "door/b");
        swap("file/a", "file/b");
        swap("own/a", ["own/b", "own/c", "own/d"][round % 3]);
        // A link that leads to something else each time, and now and then nowhere good.
        let text = ["file/a", "../outside/x", "door/b/x", "own/a", "turn/b/x"][round % 5];
        symlink(text, root.join("new")).expect("linked");
        fs::rename(root.join("new"), root.join("way")).expect("renamed");
        // A file of the same content, which is another each time.
        fs::write(root.join("new"), "for all").expect("written");
        fs::rename(root.join("new"), root.join("top")).expect("renamed");
        // A directory that leaves the root while somebody stands in it, and comes back.
        fs::rename(root.join("deep/er"), place.join("elsewhere/deep/er")).expect("moved out");
        fs::rename(place.join("elsewhere/deep/er"), root.join("deep/er")).expect("moved back");
        if round == 0 {
            child::say("begun");
        }
    }
}
