//! What acting as a client opens, and what it does not: the client's files, events and pipes.

use super::*;

/// Files, an event and a pipe, each for everybody of this user and for administrators only.
struct Scene {
    directory: Directory,
    event: String,
    _kept: Vec<std::os::windows::io::OwnedHandle>,
    pipes: [Server; 2],
}

impl Scene {
    fn new() -> Self {
        let directory = Directory::new();
        directory.file("for all");
        FileAcl::administrators().apply_to(directory.file("for admins")).expect("restricted");
        let read_only = directory.file("read only");
        FileAcl::administrators()
            .allow_this_user(FileAccess::Read)
            .apply_to(read_only)
            .expect("restricted");
        let event = format!(r"Local\{}", ipc_testkit::names::unique());
        let user = this_process()
            .expect("known")
            .identity()
            .and_then(|identity| identity.as_windows().map(|token| token.user.to_string()));
        let user = user.expect("a token");
        let _kept = vec![
            probe::make_event(&format!("{event} for all"), &format!("D:P(A;;GA;;;{user})")),
            probe::make_event(&format!("{event} for admins"), "D:P(A;;GA;;;BA)"),
        ];
        let _kept = _kept.into_iter().map(|event| event.expect("made")).collect();
        let pipes = [
            Server::new(&Acl::owner().allow_this_user()),
            Server::new(&Acl::sddl("D:P(A;;GA;;;BA)")),
        ];
        Self { directory, event, _kept, pipes }
    }

    /// What this thread may open: 0, or the system's number of the error.
    fn answers(&self) -> Answers {
        let answer = |error: Option<io::Error>| error.and_then(|e| e.raw_os_error()).unwrap_or(0);
        let file = |name: &str| {
            let path: PathBuf = self.directory.path().join(name);
            let read = answer(File::open(&path).err());
            let write = answer(File::options().write(true).open(&path).err());
            (read, write)
        };
        let event = |who: &str| answer(probe::open_event(&format!("{} {who}", self.event)).err());
        let pipe = |at: usize| answer(Grant::FULL.open(&self.pipes[at].name).err());
        Answers {
            files: ["for all", "for admins", "read only"].map(file),
            events: ["for all", "for admins"].map(event),
            pipes: [0, 1].map(pipe),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answers {
    /// To read, and to write.
    files: [(i32, i32); 3],
    events: [i32; 2],
    pipes: [i32; 2],
}

const DENIED: i32 = ERROR_ACCESS_DENIED as i32;
const TOO_LOW: i32 = ERROR_BAD_IMPERSONATION_LEVEL as i32;

fn is_admin() -> bool {
    let own = this_process().expect("known");
    Policy::admins().decide(&own, &own).is_ok()
}

#[test]
fn t01_t02_a_restricted_client_gets_its_own_rights_and_no_others() {
    const TEST: &str =
        "switch::tests::rights::t01_t02_a_restricted_client_gets_its_own_rights_and_no_others";
    if is_visitor(Grant::FULL) || !takes_honest_windows(TEST) {
        return;
    }
    if !is_admin() {
        return skip(TEST, "takes an administrator");
    }
    watched(TEST, || {
        let everything = Answers { files: [(0, 0), (0, 0), (0, 0)], events: [0, 0], pipes: [0, 0] };
        let restricted = Answers {
            files: [(0, 0), (DENIED, DENIED), (0, DENIED)],
            events: [0, DENIED],
            pipes: [0, DENIED],
        };
        for (restrictions, expected) in
            [(Restrictions::default(), &everything), (without_administrators(), &restricted)]
        {
            let mut visitor = Visitor::start(TEST, restrictions);
            let client = visitor.client();
            let scene = Scene::new();
            assert_eq!(act(&client, |_| scene.answers()).expect("acts"), *expected);
            // The first of the pipes is taken now; its maker could open all else.
            assert_eq!(scene.answers().files, everything.files);
            assert_eq!(scene.answers().events, everything.events);
            visitor.leave();
        }
    });
}

#[test]
fn what_was_opened_as_the_client_is_read_outside() {
    const TEST: &str = "switch::tests::rights::what_was_opened_as_the_client_is_read_outside";
    if is_visitor(Grant::FULL) || !takes_honest_windows(TEST) {
        return;
    }
    watched(TEST, || {
        let mut visitor = Visitor::start(TEST, without_administrators());
        let client = visitor.client();
        let directory = Directory::new();
        let path = directory.file("mine");
        let file = act(&client, |_| File::open(&path)).expect("acts").expect("opened");
        FileAcl::administrators().apply_to(&path).expect("closed");
        assert_eq!(std::io::read_to_string(file).expect("still open"), "mine");
        visitor.leave();
    });
}

#[test]
fn t03_a_client_that_only_identifies_itself_opens_nothing() {
    const TEST: &str = "t03_a_client_that_only_identifies_itself_opens_nothing";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _pipe) = in_process(Grant::Fixed(ImpersonationLevel::Identification));
    let client = server.client();
    let refusal = act(&client, |_| unreachable!()).expect_err("too low");
    assert!(matches!(refusal, Error::LevelTooLow { .. }), "{refusal:?}");
    // What a server gets that carries the token all the same.
    let scene = Scene::new();
    token::carry(client.token()).expect("carried");
    let answers = scene.answers();
    token::revert().expect("reverted");
    let nothing =
        Answers { files: [(TOO_LOW, TOO_LOW); 3], events: [TOO_LOW; 2], pipes: [TOO_LOW; 2] };
    assert_eq!(answers, nothing);
}

#[test]
fn t28_two_identities_on_four_threads_are_never_mixed_up() {
    const TEST: &str =
        "switch::tests::rights::t28_two_identities_on_four_threads_are_never_mixed_up";
    const ROUNDS: usize = 500;
    if is_visitor(Grant::FULL) || !takes_honest_windows(TEST) {
        return;
    }
    if !is_admin() {
        return skip(TEST, "takes an administrator");
    }
    watched(TEST, || {
        let mut visitors = [Restrictions::default(), without_administrators()]
            .map(|restrictions| Visitor::start(TEST, restrictions));
        let clients = visitors.each_mut().map(Visitor::client);
        let directory = Directory::new();
        let path = directory.file("for admins");
        FileAcl::administrators().apply_to(&path).expect("restricted");
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for offset in 0..4 {
                let (start, clients, path) = (&start, &clients, &path);
                scope.spawn(move || {
                    start.wait();
                    for round in 0..ROUNDS {
                        let which = (offset + round) % 2;
                        let opened = act(&clients[which], |_| File::open(path)).expect("acts");
                        match which {
                            0 => drop(opened.expect("an administrator may")),
                            _ => assert_eq!(code(opened), ERROR_ACCESS_DENIED),
                        }
                        assert_eq!(carried(), None);
                    }
                });
            }
        });
        visitors.into_iter().for_each(Visitor::leave);
    });
}
