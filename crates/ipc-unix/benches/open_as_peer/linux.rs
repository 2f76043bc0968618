//! The contenders, on the one system that has them.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use ipc_core::files::{Open, RelativePath, Root};
use ipc_core::{
    AsPeer, BindOptions, ConnectOptions, Connection, Deadline, ImpersonationLevel, Transport,
};
use ipc_unix::{Mechanism, UnixRoot, UnixTransport};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

pub(super) fn main() {
    if !rustix::process::geteuid().is_root() {
        say("skipped: open_as_peer: takes root");
        return;
    }
    let place = tempfile::tempdir().expect("a directory");
    fs::set_permissions(place.path(), Permissions::from_mode(0o711)).expect("its owner may");
    let file = place.path().join("clients");
    fs::write(&file, "content").expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its owner may");
    chown(&file, Some(CLIENT), Some(CLIENT)).expect("root may");
    let connections = [Mechanism::Request, Mechanism::Thread].map(|mechanism| {
        let name = format!("{mechanism:?}.socket");
        connection(mechanism, &place.path().join(name))
    });
    let root = UnixRoot::open_dir(place.path()).expect("opens");
    report(&measure(&root, &connections));
}

/// A server's end whose client is another user.
fn connection(mechanism: Mechanism, at: &Path) -> Box<dyn Connection> {
    let transport = UnixTransport::new().mode(0o666).mechanism(mechanism);
    let endpoint = format!("unix:{}", at.display()).parse().expect("an endpoint");
    let listener = transport.bind(&endpoint, &BindOptions::new()).expect("binds");
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            become_client();
            transport.connect(&endpoint, &ConnectOptions::new()).expect("connects")
        });
        let server = listener.accept(Deadline::NEVER).expect("accepts");
        server.state_level(ImpersonationLevel::Impersonation).expect("once");
        drop(client.join().expect("connected"));
        server
    })
}

/// Makes this thread another user for good, in as many groups as people commonly have.
fn become_client() {
    let groups: Vec<Gid> = (0..8).map(|n| Gid::from_raw(41_600 + n)).collect();
    let (uid, gid) = (Uid::from_raw(CLIENT), Gid::from_raw(CLIENT));
    set_thread_groups(&groups).expect("root may");
    set_thread_res_gid(gid, gid, gid).expect("root may");
    set_thread_res_uid(uid, uid, uid).expect("root may");
}

/// The time of one open and close, by each contender in each round.
fn measure(root: &UnixRoot, [request, thread]: &[Box<dyn Connection>; 2]) -> [Vec<Duration>; 4] {
    let path = RelativePath::new(b"clients").expect("a good path");
    let plain = || drop(open_plainly(root));
    let admitted = || drop(open_without_peer(root, &path));
    let by = |connection: &dyn Connection| {
        drop(connection.open_as_peer(root, &path, Open::Read).expect("opens"));
    };
    let contenders: [&dyn Fn(); 4] = [&plain, &admitted, &|| by(&**request), &|| by(&**thread)];
    let mut times = [const { Vec::new() }; 4];
    for round in 0..=ROUNDS {
        for (contender, times) in contenders.iter().zip(&mut times) {
            let start = Instant::now();
            (0..OPENS).for_each(|_| contender());
            // The first round finds everything cold.
            if round > 0 {
                times.push(start.elapsed() / OPENS);
            }
        }
    }
    times
}

/// Nothing but the two system calls.
fn open_plainly(root: &UnixRoot) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let directory = root.directory().expect("it is one");
    openat2(directory, "clients", flags, Mode::empty(), resolve).expect("root may")
}

/// The very open that is done for a peer, with this process's own rights.
#[allow(clippy::disallowed_methods, reason = "what acting as a peer costs is measured against it")]
fn open_without_peer(root: &UnixRoot, path: &RelativePath) -> fs::File {
    AsPeer::attest(|by| root.open(by, path, Open::Read)).expect("root may")
}

fn report(times: &[Vec<Duration>; 4]) {
    let [plain, admitted, request, thread] = times.each_ref().map(|times| {
        let mut times = times.clone();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    say(&format!("open + close, medians of {ROUNDS} rounds of {OPENS}:"));
    say(&format!("  openat2, nothing else             {plain:6.2} us"));
    say(&format!("  Root::open without a peer         {admitted:6.2} us"));
    say(&format!("  open_as_peer, by request          {request:6.2} us"));
    say(&format!("  open_as_peer, by the thread       {thread:6.2} us"));
    say(&format!("request / openat2, at most 1.60:    {:6.2}", request / plain));
    say(&format!("request / Root::open                {:6.2}", request / admitted));
    say(&format!("request / thread, at most 0.30:     {:6.2}", request / thread));
}

fn say(line: &str) {
    // Without a reader nobody misses it.
    let _ = writeln!(io::stdout(), "{line}");
}

const CLIENT: u32 = 41_500;
const ROUNDS: u32 = 1_001;
const OPENS: u32 = 50;
