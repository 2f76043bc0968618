//! Giving up rights. Source: capabilities(7).

use std::io;
use std::thread;

use rustix::fs::{FileType, Mode, OFlags, open, stat};
use rustix::io::Errno;
use rustix::process::chroot;
use rustix::thread as own;
use rustix::thread::{CapabilitiesSecureBits as SecureBits, CapabilitySet};

use super::thread_identity::this_thread;
use crate::switch::thread::{Capabilities, Ids, ThreadIdentity, ThreadState};

/// Leaves this process, which must be one thread, that user and group, no others, and the
/// capabilities to become any other.
pub(crate) fn keep_only_switching(uid: u32, gid: u32) -> io::Result<()> {
    be_one_thread()?;
    let wanted = ThreadState {
        uid: Ids { real: uid, effective: uid, saved: uid },
        gid: Ids { real: gid, effective: gid, saved: gid },
        groups: Vec::new(),
        capabilities: Capabilities {
            effective: KEPT.bits(),
            permitted: KEPT.bits(),
            inheritable: 0,
        },
    };
    let thread = this_thread().ok_or(io::ErrorKind::Unsupported)?;
    let mut found = ThreadState::default();
    thread.read(&mut found)?;
    if found.capabilities.effective & KEPT.bits() != KEPT.bits() {
        let text = "it takes root, or at least CAP_SETUID and CAP_SETGID, and they are missing";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    limit_what_programs_gain()?;
    detach_capabilities_from_root(found.uid != wanted.uid)?;
    thread.set_groups(&wanted.groups).map_err(failed("setgroups"))?;
    let (user, group) = (rustix::process::Uid::from_raw(uid), rustix::process::Gid::from_raw(gid));
    let set = own::set_thread_res_gid(group, group, group);
    set.map_err(failed("setresgid"))?;
    let set = own::set_thread_res_uid(user, user, user);
    set.map_err(failed("setresuid"))?;
    thread.set_capabilities(wanted.capabilities).map_err(failed("capset"))?;
    own::clear_ambient_capability_set().map_err(failed("clearing the ambient capabilities"))?;
    own::set_no_new_privs(true).map_err(failed("setting no_new_privs"))?;
    thread.read(&mut found)?;
    match found.difference(&wanted) {
        None => Ok(()),
        Some(what) => Err(io::Error::other(format!("the {what} read back are not those set"))),
    }
}

/// Other threads would keep their rights: identity is each thread's own.
fn be_one_thread() -> io::Result<()> {
    match count_threads().map_err(failed("counting the threads"))? {
        1 => Ok(()),
        count => Err(io::Error::other(format!(
            "this process has {count} threads already, and the others would keep their rights"
        ))),
    }
}

/// How many threads this process has, with those that are about to end. Source: proc(5).
pub(crate) fn count_threads() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Leaves the bounding set no other capability.
fn limit_what_programs_gain() -> io::Result<()> {
    for one in all_capabilities().filter(|one| !KEPT.contains(*one)) {
        match own::capability_is_in_bounding_set(one) {
            Ok(true) => own::remove_capability_from_bounding_set(one)
                .map_err(failed("dropping capabilities from the bounding set"))?,
            // The kernel has no more of them.
            Ok(false) | Err(Errno::INVAL) => {}
            Err(error) => return Err(failed("reading the bounding set")(error)),
        }
    }
    Ok(())
}

/// Has user ids neither give nor take capabilities, for good. A process that may not say so can do
/// without unless it changes its user: it has no others that could come back.
fn detach_capabilities_from_root(changes_user: bool) -> io::Result<()> {
    match own::set_capabilities_secure_bits(DETACHED) {
        Err(Errno::PERM) if !changes_user => Ok(()),
        outcome => outcome.map_err(failed("setting the secure bits, which takes CAP_SETPCAP")),
    }
}

/// Tries to do what this process must not be able to do any more, on a thread of its own that ends
/// with whatever it became.
///
/// # Errors
/// What succeeded.
pub(crate) fn try_to_get_back() -> io::Result<()> {
    let thread = thread::Builder::new().name("ipc self-test".to_owned()).spawn(|| {
        take_capabilities("")?;
        open_what_is_roots()?;
        let root = rustix::process::Uid::ROOT;
        // That is what CAP_SETUID is for; what counts is that nothing else comes with it.
        own::set_thread_res_uid(root, root, root).map_err(failed("setresuid"))?;
        take_capabilities(", as root")
    })?;
    thread.join().map_err(|_| io::Error::other("the thread that tries it panicked"))?
}

fn take_capabilities(by: &str) -> io::Result<()> {
    let found = own::capabilities(None)?;
    for one in all_capabilities().filter(|one| !KEPT.contains(*one)) {
        let mut more = found;
        more.permitted |= one;
        more.effective |= one;
        // The kernel passes over those that it does not know, so what counts is what is there then.
        let _ = own::set_capabilities(None, more);
        if own::capabilities(None)?.permitted.contains(one) {
            return Err(got_back(&format!("capability {}{by}", one.bits().trailing_zeros())));
        }
        if own::configure_capability_in_ambient_set(one, true).is_ok() {
            return Err(got_back(&format!("ambient capability {}", one.bits().trailing_zeros())));
        }
    }
    match chroot("/") {
        Ok(()) => Err(got_back(&format!("the right to chroot{by}"))),
        Err(_) => Ok(()),
    }
}

/// Files that only root may read must not open.
fn open_what_is_roots() -> io::Result<()> {
    for path in ROOTS {
        let is_roots = stat(path).is_ok_and(|found| {
            let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
            is_file && found.st_uid == 0 && found.st_mode & 0o007 == 0
        });
        if is_roots && open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).is_ok() {
            return Err(got_back(&format!("the right to read `{path}`")));
        }
    }
    Ok(())
}

fn got_back(what: &str) -> io::Error {
    io::Error::other(format!("rights were given up and this process still got {what}"))
}

fn all_capabilities() -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit))
}

fn failed<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{step}: {error}"))
    }
}

/// What acting as clients takes.
const KEPT: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID);

/// Neither changing to or from root nor starting a program as root changes capabilities, none become
/// ambient, and all that stays so.
const DETACHED: SecureBits = SecureBits::NO_ROOT
    .union(SecureBits::NO_ROOT_LOCKED)
    .union(SecureBits::NO_SETUID_FIXUP)
    .union(SecureBits::NO_SETUID_FIXUP_LOCKED)
    .union(SecureBits::KEEP_CAPS_LOCKED)
    .union(SecureBits::NO_CAP_AMBIENT_RAISE)
    .union(SecureBits::NO_CAP_AMBIENT_RAISE_LOCKED);

/// What systems have that is root's alone. Source: shadow(5), gshadow(5), proc(5).
const ROOTS: [&str; 4] =
    ["/etc/shadow", "/etc/gshadow", "/proc/1/environ", "/var/lib/systemd/random-seed"];
