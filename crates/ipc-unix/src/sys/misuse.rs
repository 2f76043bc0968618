//! What tests provoke: calls that a program which acts as its peers must not make.
#![allow(unsafe_code, reason = "the C library's process-wide calls and signals are unsafe")]

use std::sync::atomic::{AtomicUsize, Ordering};

/// The C library's `setgroups`, which changes every thread of the process or ends it.
pub(crate) fn set_groups_of_all_threads(groups: &[u32]) -> bool {
    // SAFETY: the call reads `groups.len()` ids from the borrowed slice and keeps nothing.
    unsafe { libc::setgroups(groups.len() as _, groups.as_ptr()) == 0 }
}

/// Has SIGUSR1 counted by a handler and sends it to this thread; returns the count so far.
pub(crate) fn interrupt_this_thread() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count(_: libc::c_int) {
        COUNT.fetch_add(1, Ordering::SeqCst);
    }
    let handler = count as extern "C" fn(libc::c_int);
    // SAFETY: the handler only adds to an atomic, which is allowed in a signal handler, and stays
    // for the life of the process, as functions do.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: SIGUSR1 has a handler, so that this returns after it has run on this thread.
    unsafe { libc::raise(libc::SIGUSR1) };
    COUNT.load(Ordering::SeqCst)
}

/// Has a system call of this thread, and of those that it starts, refused with `errno`: always, or
/// only with a second argument of zero.
pub(crate) fn refuse_call(number: libc::c_long, errno: libc::c_int, only_zero: bool) {
    // Source: Linux `uapi/linux/bpf_common.h`: LD|W|ABS, JMP|JEQ|K, RET|K.
    const LOAD: u16 = 0x20;
    const JUMP: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let number = u32::try_from(number).expect("small");
    let errno = u32::try_from(errno).expect("positive");
    let second_argument = if only_zero { 24 } else { 0 };
    let mut filter = [
        step(LOAD, 0, 0, 0),
        step(JUMP, 0, 3, number),
        step(LOAD, 0, 0, second_argument),
        step(JUMP, 0, 1, if only_zero { 0 } else { number }),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 6, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its six steps are live locals, which the kernel copies.
    let status =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(status, 0, "root may filter: {}", std::io::Error::last_os_error());
}

/// What `work` answers in a process that is forked off, or `false` if it does not get so far.
pub(crate) fn in_fork(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child has this thread only; what others held locked stays so there, and `work` is
    // a test's, run alone in its process.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the child without running anything of its parent's.
        unsafe { libc::_exit(i32::from(!answer.unwrap_or(false))) };
    }
    assert!(child > 0, "forked: {}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: `status` is a live local that the call writes.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    waited == child && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

/// Sends SIGUSR1, which must have a handler, to a thread of this process.
pub(crate) fn interrupt(thread: rustix::thread::Pid) {
    let (process, thread) = (std::process::id(), thread.as_raw_nonzero().get());
    // SAFETY: the call takes three numbers; the signal has a handler that returns.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
}

/// Takes a write lease on the file: who opens it then has to wait. The signal that says so is
/// ignored.
pub(crate) fn lease(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    // SAFETY: `file` is borrowed and so stays open for the call, whose argument is a number.
    let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) };
    if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
