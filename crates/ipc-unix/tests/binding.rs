//! Taking a name, holding it and freeing it: sockets are files, and others may have put files there.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{bind, connect, place, soon};
use ipc_core::{BindOptions, ConnectOptions, Endpoint, Error, Mode, Transport};
use ipc_testkit::child::{self, Process, hear_parent, say};
use ipc_testkit::skip;
use ipc_unix::UnixTransport;

fn refusal(at: &Endpoint) -> Error {
    UnixTransport::new().bind(at, &BindOptions::new()).expect_err("must be refused")
}

fn path_of(endpoint: &Endpoint) -> PathBuf {
    PathBuf::from(endpoint.name())
}

fn lock_of(endpoint: &Endpoint) -> PathBuf {
    PathBuf::from(format!("{}.lock", endpoint.name()))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// This test binary as a child, its command changed.
fn start_changed(function: &str, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Process {
    let mut command = child::command(child::this_program(), function, arguments);
    change(&mut command);
    Process::spawn(command)
}

/// A uid that no account has.
const STRANGER: u32 = 4_000_001;

fn as_stranger(command: &mut Command) {
    command.uid(STRANGER).gid(STRANGER);
}

#[test]
fn a_second_bind_is_refused_with_the_holder_and_the_name_is_free_after_the_drop() {
    let (place, at) = place();
    let listener = bind(&at);
    let error = refusal(&at);
    let holder = format!("process {}", std::process::id());
    assert!(matches!(&error, Error::EndpointInUse { holder: Some(said), .. } if *said == holder));
    let _client = connect(&at);
    let _server = listener.accept(soon()).expect("accepts");
    drop(listener);
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0, "nothing is left");
    drop(bind(&at));
}

#[test]
fn the_name_stays_held_after_closing_until_the_listener_is_dropped() {
    let (_place, at) = place();
    let listener = bind(&at);
    listener.close();
    assert!(matches!(refusal(&at), Error::EndpointInUse { .. }));
    drop(listener);
    drop(bind(&at));
}

#[test]
fn t08_what_lies_at_the_name_is_refused_and_left_alone() {
    let (_place, at) = place();
    let path = path_of(&at);

    fs::write(&path, "precious").expect("writes");
    assert!(matches!(refusal(&at), Error::EndpointUnsafe { .. }));
    assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
    fs::remove_file(&path).expect("removes");

    symlink("/nowhere", &path).expect("links");
    let said = refusal(&at).to_string();
    assert!(said.contains("symbolic link"), "{said}");
    fs::remove_file(&path).expect("removes");

    drop(bind(&at));
}

#[test]
fn t08_a_planted_lock_file_is_refused_and_left_alone() {
    let (place, at) = place();
    let (lock, precious) = (lock_of(&at), place.path().join("precious"));
    fs::write(&precious, "precious").expect("writes");

    symlink(&precious, &lock).expect("links");
    let said = refusal(&at).to_string();
    assert!(said.contains("symbolic link"), "{said}");
    fs::remove_file(&lock).expect("removes");

    fs::hard_link(&precious, &lock).expect("links");
    let said = refusal(&at).to_string();
    assert!(said.contains("second name"), "{said}");
    fs::remove_file(&lock).expect("removes");

    fs::create_dir(&lock).expect("makes");
    assert!(matches!(refusal(&at), Error::EndpointUnsafe { .. }));
    fs::remove_dir(&lock).expect("removes");

    rustix::fs::mknodat(
        rustix::fs::CWD,
        &lock,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("makes a FIFO");
    assert!(matches!(refusal(&at), Error::EndpointUnsafe { .. }));

    assert_eq!(fs::read_to_string(&precious).expect("still there"), "precious");
}

#[test]
fn t08_files_of_another_user_are_refused() {
    if !is_root() {
        return skip("t08_files_of_another_user_are_refused", "needs root to make such files");
    }
    let (_place, at) = place();
    let (path, lock) = (path_of(&at), lock_of(&at));

    fs::write(&lock, "1\n").expect("writes");
    chown(&lock, Some(STRANGER), None).expect("changes");
    let said = refusal(&at).to_string();
    assert!(said.contains(&STRANGER.to_string()), "{said}");
    fs::remove_file(&lock).expect("removes");

    drop(UnixListener::bind(&path).expect("binds"));
    chown(&path, Some(STRANGER), None).expect("changes");
    let said = refusal(&at).to_string();
    assert!(said.contains(&STRANGER.to_string()), "{said}");
    assert!(path.exists());
}

/// Anybody may put a lock into `/tmp`, hold it, and write any number into it.
#[test]
fn t08_a_lock_that_a_stranger_holds_is_no_server() {
    if !is_root() {
        return skip("t08_a_lock_that_a_stranger_holds_is_no_server", "needs two users");
    }
    let (place, at) = place();
    let lock = fs::File::create(lock_of(&at)).expect("makes");
    fs::write(lock_of(&at), "1\n").expect("writes");
    chown(lock_of(&at), Some(STRANGER), None).expect("changes");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("locks");
    let error = refusal(&at);
    assert!(matches!(error, Error::EndpointUnsafe { .. }), "{error}");
    assert!(error.to_string().contains(&STRANGER.to_string()), "{error}");

    // Nor is one that this user cannot even open.
    fs::set_permissions(place.path(), Permissions::from_mode(0o1777)).expect("changes");
    fs::set_permissions(lock_of(&at), Permissions::from_mode(0o600)).expect("changes");
    chown(lock_of(&at), Some(STRANGER + 1), None).expect("changes");
    let mut child = start_changed("child_that_binds", &[at.as_str()], as_stranger);
    child.hear();
    child.tell("go");
    let heard = child.hear();
    assert!(heard.contains(&format!("belongs to uid {}", STRANGER + 1)), "{heard}");
}

#[test]
fn t08_a_directory_that_others_may_write_is_refused_and_a_sticky_one_is_not() {
    let (place, at) = place();
    let mode = |mode| fs::set_permissions(place.path(), Permissions::from_mode(mode)).expect("ok");
    mode(0o777);
    let said = refusal(&at).to_string();
    assert!(
        said.contains("everybody") && said.contains(&*place.path().to_string_lossy()),
        "{said}"
    );
    mode(0o1777);
    drop(bind(&at));
    mode(0o755);
    if is_root() {
        chown(place.path(), Some(STRANGER), None).expect("changes");
        let said = refusal(&at).to_string();
        assert!(said.contains(&STRANGER.to_string()), "{said}");
    } else {
        skip(
            "t08_a_directory_that_others_may_write_is_refused_and_a_sticky_one_is_not",
            "a foreign owner needs root",
        );
    }
}

#[test]
fn t08_a_name_that_another_user_holds_is_said_to_be_so() {
    if !is_root() {
        return skip("t08_a_name_that_another_user_holds_is_said_to_be_so", "needs two users");
    }
    let (place, at) = place();
    fs::set_permissions(place.path(), Permissions::from_mode(0o1777)).expect("changes");
    let _listener = bind(&at);
    let mut child = start_changed("child_that_binds", &[at.as_str()], as_stranger);
    child.hear();
    child.tell("go");
    assert_eq!(child.hear(), "lost to another user");
}

/// One of two servers that start at the same moment wins, however the one before them died.
#[test]
fn t11_of_two_servers_that_race_exactly_one_wins_and_the_loser_names_it() {
    const ROUNDS: usize = 200;
    let (_place, at) = place();
    for round in 0..ROUNDS {
        let mut racers = [(); 2].map(|()| Process::start("child_that_binds", &[at.as_str()]));
        for racer in &mut racers {
            assert_eq!(racer.hear(), "ready");
        }
        for racer in &mut racers {
            racer.tell("go");
        }
        let said = racers.each_mut().map(Process::hear);
        let winner = said.iter().position(|line| line == "won");
        let winner = winner.unwrap_or_else(|| panic!("round {round}: nobody won: {said:?}"));
        let lost = format!("lost to process {}", racers[winner].id());
        assert_eq!(said[1 - winner], lost, "round {round}");
        // Both die without tidying up: the next round finds a stale socket and a stale lock.
        racers.into_iter().for_each(Process::kill);
        assert!(path_of(&at).exists() && lock_of(&at).exists());
    }
}

/// Binds what the parent names when told to, says how it went, and stays until it is killed.
#[test]
fn child_that_binds() {
    let Some(arguments) = child::role("child_that_binds") else { return };
    let at: Endpoint = arguments[0].parse().expect("an endpoint");
    say("ready");
    hear_parent();
    let outcome = UnixTransport::new().bind(&at, &BindOptions::new());
    say(&match &outcome {
        Ok(_) => "won".to_owned(),
        Err(Error::EndpointInUse { holder: Some(holder), .. }) => format!("lost to {holder}"),
        Err(error) => error.chain(),
    });
    hear_parent();
}

#[test]
fn t13_a_socket_that_somebody_serves_without_the_lock_is_not_taken_over() {
    let (_place, at) = place();
    let alien = UnixListener::bind(path_of(&at)).expect("binds");
    assert!(matches!(refusal(&at), Error::EndpointInUse { .. }));
    // Not by dropping it: a process that another test starts has it, too, for a moment.
    rustix::net::shutdown(&alien, rustix::net::Shutdown::Both).expect("shuts down");
    drop(bind(&at));
}

#[test]
fn t13_a_file_that_took_the_sockets_place_is_not_removed() {
    let (place, at) = place();
    let listener = bind(&at);
    fs::rename(path_of(&at), place.path().join("moved")).expect("moves");
    fs::write(path_of(&at), "precious").expect("writes");
    drop(listener);
    assert_eq!(fs::read_to_string(path_of(&at)).expect("still there"), "precious");
    assert!(place.path().join("moved").exists());
}

#[test]
fn l30_an_abstract_name_is_held_by_the_system_and_has_no_mode() {
    let at: Endpoint =
        format!("unix:@ipc-unix-test-{}", std::process::id()).parse().expect("an endpoint");
    let with_mode = UnixTransport::new().mode(0o600).bind(&at, &BindOptions::new());
    assert!(matches!(with_mode, Err(Error::InvalidInput { .. })), "{with_mode:?}");
    let listener = bind(&at);
    assert!(matches!(refusal(&at), Error::EndpointInUse { .. }));
    let client = connect(&at);
    let server = listener.accept(soon()).expect("accepts");
    client.write_all(b"x", soon()).expect("writes");
    assert_eq!(server.read(&mut [0; 8], soon()).expect("reads"), 1);
    assert!(!Path::new(at.name()).exists());
    drop(listener);
    drop(bind(&at));
}

#[test]
fn an_abstract_name_has_no_group() {
    let at: Endpoint =
        format!("unix:@ipc-unix-group-{}", std::process::id()).parse().expect("an endpoint");
    let with_group = UnixTransport::new().group(0).bind(&at, &BindOptions::new());
    assert!(matches!(with_group, Err(Error::InvalidInput { .. })), "{with_group:?}");
}

#[test]
fn a_socket_of_a_group_is_its_from_the_first_connection_on() {
    let (_place, at) = place();
    let group = if is_root() { STRANGER } else { rustix::process::getegid().as_raw() };
    for (mode, expected) in [(None, 0o660), (Some(0o620), 0o620)] {
        let mut transport = UnixTransport::new().group(group);
        if let Some(mode) = mode {
            transport = transport.mode(mode);
        }
        for kind in [Mode::Bytes, Mode::Messages] {
            let options = BindOptions::new().mode(kind);
            let listener = transport.bind(&at, &options).expect("binds");
            let found = fs::metadata(path_of(&at)).expect("is there");
            assert_eq!((found.gid(), found.mode() & 0o777), (group, expected), "{kind:?}");
            drop(listener);
        }
    }
}

/// The right to connect is the group's, and nobody else's.
#[test]
fn a_member_of_the_sockets_group_connects_and_a_stranger_does_not() {
    const TEST: &str = "a_member_of_the_sockets_group_connects_and_a_stranger_does_not";
    if !is_root() {
        return skip(TEST, "needs root");
    }
    let (place, at) = place();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("changes");
    let hears = |group| {
        let listener = UnixTransport::new().group(group).bind(&at, &BindOptions::new());
        let _listener = listener.expect("binds");
        start_changed("child_that_connects", &[&at.to_string()], as_stranger).hear()
    };
    assert_eq!(hears(STRANGER), "connected to uid 0");
    let refusal = hears(STRANGER + 1);
    assert!(refusal.contains("Permission denied"), "{refusal}");
}

#[test]
fn a_group_that_may_not_be_given_is_refused_and_nothing_is_left() {
    let (_place, at) = place();
    // Nobody's, for all groups fit 32 bits less one.
    let refused = UnixTransport::new().group(u32::MAX).bind(&at, &BindOptions::new());
    let error = refused.map(drop).expect_err("no group");
    assert!(error.chain().contains("the group 4294967295"), "{}", error.chain());
    assert!(!path_of(&at).exists());
    drop(bind(&at));
}

/// Where a user's servers bind and its clients look first, with the variable and without it.
#[test]
fn a_bare_name_lies_in_a_directory_of_the_users_own() {
    let (place, _) = place();
    // Root's servers bind in the system's directory, so the user here is another.
    let uid = if is_root() { STRANGER } else { rustix::process::geteuid().as_raw() };
    chown_if_root(place.path(), uid);
    for (variable, directory) in [("XDG_RUNTIME_DIR", "ipc"), ("TMPDIR", &*format!("ipc-{uid}"))] {
        let as_user = |command: &mut Command| {
            if is_root() {
                as_stranger(command);
            }
            command.env_remove("XDG_RUNTIME_DIR").env(variable, place.path());
        };
        let mut server = start_changed("child_that_binds", &["files"], as_user);
        server.hear();
        server.tell("go");
        assert_eq!(server.hear(), "won", "{variable}");
        let directory = place.path().join(directory);
        let mode = |path: &Path| fs::metadata(path).expect("is there").mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("files.sock")), 0o600);

        let mut client = start_changed("child_that_connects", &["files"], as_user);
        assert_eq!(client.hear(), format!("connected to uid {uid}"));
    }
}

#[test]
fn a_client_that_has_no_such_server_of_its_own_finds_roots() {
    if !is_root() {
        return skip("a_client_that_has_no_such_server_of_its_own_finds_roots", "needs root");
    }
    let (place, _) = place();
    chown_if_root(place.path(), STRANGER);
    let name = format!("ipc-unix-test-{}", std::process::id());
    let at: Endpoint = name.parse().expect("a bare name");
    let transport = UnixTransport::new().mode(0o666);
    let listener = transport.bind(&at, &BindOptions::new()).expect("binds");
    assert!(Path::new("/run/ipc").join(format!("{name}.sock")).exists());
    let elsewhere = |command: &mut Command| {
        as_stranger(command);
        command.env("XDG_RUNTIME_DIR", place.path());
    };
    let mut client = start_changed("child_that_connects", &[&name], elsewhere);
    assert_eq!(client.hear(), "connected to uid 0");
    drop(listener);
    let mut client = start_changed("child_that_connects", &[&name], elsewhere);
    assert!(client.hear().contains("no server is listening"));
}

fn chown_if_root(path: &Path, uid: u32) {
    if is_root() {
        chown(path, Some(uid), Some(uid)).expect("changes");
    }
}

/// Connects to what the parent names, and says who serves it.
#[test]
fn child_that_connects() {
    let Some(arguments) = child::role("child_that_connects") else { return };
    let to: Endpoint = arguments[0].parse().expect("an endpoint");
    say(&match UnixTransport::new().connect(&to, &ConnectOptions::new()) {
        Ok(connection) => {
            let peer = connection.peer().expect("is known");
            format!("connected to {}", peer.identity().expect("is known"))
        }
        Err(error) => error.chain(),
    });
}
