use std::fs;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

use io_uring::register::Probe;
use ipc_core::peer::UnixIdentity;

use super::*;
use crate::switch::rehearse;
use crate::sys::misuse;
use crate::testing::requests::takes_requests;
use crate::testing::skip;

impl ThreadRing {
    /// The numbers under which it keeps somebody's credentials: those by which a request is decided.
    pub(crate) fn registered(&self) -> Vec<NonZeroU16> {
        let (root, path) =
            (File::open("/").expect("opened"), RelativePath::new(b"").expect("a path"));
        let is_registered = |id: &NonZeroU16| {
            let by = self.numbered(*id);
            self.stat_below(&by, root.as_fd(), &path, ResolveRules::default()).is_ok()
        };
        (1..=u16::MAX).filter_map(NonZeroU16::new).filter(is_registered).collect()
    }

    /// What asks by a number that nobody owns. Only here, beside its private parts, can there be one.
    fn numbered(&self, id: NonZeroU16) -> mem::ManuallyDrop<Registration> {
        mem::ManuallyDrop::new(Registration { id, ring: Arc::downgrade(&self.ring) })
    }
}

fn client() -> UnixIdentity {
    UnixIdentity { uid: 41_500, gid: 41_501, groups: Some(vec![41_600, 41_601]) }
}

fn ring_with_client() -> (ThreadRing, Registration) {
    let ring = ThreadRing::new().expect("a ring");
    let registration = rehearse(&client(), || ring.register()).expect("root may");
    (ring, registration.expect("registered"))
}

/// A directory with files that anybody and nobody but root may read.
fn files() -> (tempfile::TempDir, File) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    for (name, mode) in [("open", 0o644), ("closed", 0o600)] {
        let path = directory.path().join(name);
        fs::write(&path, name).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }
    let handle = File::open(directory.path()).expect("opened");
    (directory, handle)
}

fn open(
    ring: &ThreadRing,
    by: &Registration,
    root: &File,
    name: &str,
) -> io::Result<Result<OwnedFd>> {
    let path = RelativePath::new(name.as_bytes()).expect("a good path");
    ring.open_below(by, root.as_fd(), &path, Wanted::Content, ResolveRules::default())
}

/// Who had a copy could ask by the number after it was given back. If it could be copied, there would
/// be two `Answer`s, and this would not compile.
#[test]
fn t56_what_is_registered_has_one_owner() {
    #[allow(dead_code, reason = "it is there to be inferred")]
    trait Answer<To> {}
    struct Whatever;
    struct OnlyIfCopied;
    impl<T> Answer<Whatever> for T {}
    impl<T: Clone> Answer<OnlyIfCopied> for T {}
    fn is_answered<T: Answer<To>, To>() {}
    is_answered::<Registration, _>();
}

#[test]
fn t56_a_number_that_is_not_registered_any_more_opens_nothing() {
    const TEST: &str = "t56_a_number_that_is_not_registered_any_more_opens_nothing";
    let Some(_setting) = takes_requests(TEST) else { return };
    let ((ring, registration), (_directory, root)) = (ring_with_client(), files());
    let stale = ring.numbered(registration.id);
    assert_eq!(ring.registered(), [registration.id]);
    open(&ring, &stale, &root, "open").expect("decided").expect("may");
    drop(registration);
    let error = open(&ring, &stale, &root, "open").expect_err("nobody is registered");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert_eq!(ring.registered(), []);
    assert!(ring.is_usable());
}

#[test]
fn t56_what_one_ring_registered_another_does_not_take() {
    let Some(_setting) = takes_requests("t56_what_one_ring_registered_another_does_not_take")
    else {
        return;
    };
    let ((first, of_first), (second, of_second)) = (ring_with_client(), ring_with_client());
    let (_directory, root) = files();
    assert_eq!(of_first.id, of_second.id, "the number alone does not tell them apart");
    open(&second, &of_first, &root, "open").expect_err("of another ring");
    open(&first, &of_second, &root, "open").expect_err("of another ring");
    drop(first);
    assert!(!of_first.is_alive() && of_second.is_alive());
    drop(of_first);
    open(&second, &of_second, &root, "open").expect("decided").expect("may");
}

#[test]
fn a_ring_takes_nothing_but_requests_to_open_and_leaves_no_program_its_descriptor() {
    const TEST: &str =
        "a_ring_takes_nothing_but_requests_to_open_and_leaves_no_program_its_descriptor";
    let Some(_setting) = takes_requests(TEST) else { return };
    let (ring, registration) = ring_with_client();
    let uring = ring.ring.uring();
    for other in [
        opcode::Nop::new().build(),
        opcode::Close::new(types::Fd(0)).build(),
        opcode::Nop::new().build().personality(registration.id.get()),
    ] {
        // SAFETY: this thread alone uses the ring's queues, and no other `SubmissionQueue` lives.
        let mut queue = unsafe { uring.submission_shared() };
        // SAFETY: the request points to nothing.
        unsafe { queue.push(&other) }.expect("there is room");
        drop(queue);
        assert_eq!(ring.wait_for_result().expect("decided"), -libc::EACCES);
    }
    let refusal = uring.submitter().register_probe(&mut Probe::new()).expect_err("refused");
    assert_eq!(refusal.raw_os_error(), Some(libc::EACCES));
    let flags = rustix::io::fcntl_getfd(uring).expect("told");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn a_request_that_may_not_be_waited_for_any_more_still_ends_here() {
    const TEST: &str = "a_request_that_may_not_be_waited_for_any_more_still_ends_here";
    let Some(_setting) = takes_requests(TEST) else { return };
    let (directory, root) = files();
    let leased = File::open(directory.path().join("open")).expect("opened");
    if let Err(error) = misuse::lease(&leased) {
        return skip(TEST, &format!("no leases here: {error}"));
    }
    misuse::interrupt_this_thread();
    let (begins, begun) = mpsc::channel();
    thread::scope(|scope| {
        let opener = scope.spawn(|| {
            let (ring, registration) = ring_with_client();
            // A wait that is interrupted cannot be taken up again.
            misuse::refuse_call(libc::SYS_io_uring_enter, libc::EPERM, true);
            begins.send(rustix::thread::gettid()).expect("heard");
            // Unlike what is asked for peers, this waits for the lease.
            let how = types::OpenHow::new().flags(0);
            ring.request(&registration, root.as_fd(), c"open", &how)
        });
        let thread = begun.recv().expect("begins");
        let call = format!("/proc/self/task/{}/syscall", thread.as_raw_nonzero());
        loop {
            let now = fs::read_to_string(&call).expect("told");
            let number = now.split_whitespace().next().and_then(|word| word.parse().ok());
            match number {
                Some(libc::SYS_io_uring_enter) => misuse::interrupt(thread),
                Some(libc::SYS_poll | libc::SYS_ppoll) => break,
                _ => thread::yield_now(),
            }
        }
        drop(leased);
        let opened = opener.join().expect("ended").expect("decided").expect("may");
        assert_eq!(fs::read_to_string(self::path(&opened)).expect("readable"), "open");
    });
}

fn path(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
