//! Switches of which any step may go wrong, at random: there are right answers, errors, and processes
//! that end themselves, and never a wrong answer.
//!
//! `IPC_SOAK` in the environment makes it long.

use std::env;
use std::fs::{self, Permissions};
use std::io::{Write as _, stderr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;

use ipc_core::ErrorKind;
use rustix::fs::FlockOperation;

use super::super::*;
use super::identity;
use crate::mechanism::Chosen;
use crate::request;
use crate::root::UnixRoot;
use crate::testing::mishaps::{self, Dice};
use crate::testing::requests::{Client, Setting};
use crate::testing::{User, child, part, said, takes_root};

const USERS: [u32; 4] = [41_500, 41_501, 41_502, 41_503];

/// How many requests each thread of a process makes, if the process lives so long.
const REQUESTS: usize = 400;

#[test]
fn t03_t04_t05_whatever_step_goes_wrong_nobody_gets_what_is_not_his() {
    const TEST: &str = "t03_t04_t05_whatever_step_goes_wrong_nobody_gets_what_is_not_his";
    if let Some(seed) = part() {
        return serve_in_a_storm(seed.parse().expect("a number"));
    }
    if !takes_root(TEST) {
        return;
    }
    let _setting = Setting::hold(FlockOperation::LockShared);
    let place = place();
    let processes = if env::var_os("IPC_SOAK").is_some() { 3_000 } else { 60 };
    let (mut ended, mut lived) = (0, 0);
    for seed in 0..processes {
        let mut process = child(&format!("switch::tests::storms::{TEST}"), &seed.to_string());
        let output = process.env(PLACE, place.path()).output().expect("starts");
        match output.status.signal() {
            Some(libc::SIGABRT) if said(&output).contains("cannot become itself again") => {
                ended += 1;
            }
            _ if output.status.success() => lived += 1,
            _ => panic!("seed {seed}: {}", said(&output)),
        }
    }
    assert!(ended > 0 && lived > 0, "{ended} ended themselves, {lived} did not");
    let line = format!("{TEST}: {ended} processes ended themselves, {lived} did not; none erred");
    writeln!(stderr().lock(), "{line}").expect("stderr");
}

/// A private file of each user's, and one of root's.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("ours");
    for uid in USERS.into_iter().chain([0]) {
        let file = place.path().join(uid.to_string());
        fs::write(&file, uid.to_string()).expect("written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("ours");
        chown(&file, Some(uid), Some(uid)).expect("root may");
    }
    place
}

/// Four threads open files for four users, and what goes wrong follows from the seed.
fn serve_in_a_storm(seed: u64) {
    let mut dice = Dice::new(seed);
    // In some processes most things go wrong, and in others next to nothing does.
    let one_in = 20 << dice.roll(14);
    let place = env::var_os(PLACE).expect("the parent says where");
    let root = UnixRoot::open_dir(&place).expect("opens");
    let mechanisms = match request::available() {
        Ok(()) => &[Chosen::Thread, Chosen::Request, Chosen::RequestOnly][..],
        Err(_) => &[Chosen::Thread],
    };
    let clients: Vec<(u32, Client)> = USERS
        .into_iter()
        .flat_map(|uid| mechanisms.iter().map(move |chosen| (uid, *chosen)))
        .map(|(uid, chosen)| (uid, Client::of(&User::new(uid, &[]), chosen)))
        .collect();
    assert!(self_test::passed(), "while all is calm");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (clients, root) = (&clients, &root);
            let dice = Dice::new(seed << 8 | number);
            scope.spawn(move || serve(clients, root, dice, one_in));
        }
    });
}

fn serve(clients: &[(u32, Client)], root: &UnixRoot, mut dice: Dice, one_in: u64) {
    let own = identity();
    for _ in 0..REQUESTS {
        let (uid, client) = &clients[pick(&mut dice, clients.len())];
        let file = USERS.into_iter().chain([0]).nth(pick(&mut dice, USERS.len() + 1));
        let file = file.expect("one of them");
        mishaps::begin(Dice::new(dice.roll(u64::MAX)), one_in);
        let answer = client.read(root, &file.to_string());
        // Nothing goes wrong where the test itself looks.
        mishaps::begin(dice, u64::MAX);
        match answer {
            Ok(content) => assert_eq!((content, file), (uid.to_string(), *uid), "served wrongly"),
            Err(Error::SwitchFailed { .. } | Error::Unsupported { .. }) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
                assert_ne!(file, *uid, "refused wrongly");
            }
        }
        assert_eq!(identity(), own, "this thread is itself");
    }
}

fn pick(dice: &mut Dice, among: usize) -> usize {
    let among = u64::try_from(among).expect("few");
    usize::try_from(dice.roll(among)).expect("few")
}

const PLACE: &str = "IPC_UNIX_TEST_PLACE";
