//! The kernel's own answers, to a process that is a user and nothing else.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use ipc_core::ErrorKind;
use ipc_testkit::child::{self, Process};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use crate::questions::{Answer, Question, What};
use crate::tree::questions;
use crate::users::User;

/// The test that is such a process if it was started so.
pub(crate) const PROCESS: &str = "matrix::a_users_process";

/// What the kernel answers a process of `user`'s to each question about the tree at `root`.
pub(crate) fn ask(root: &Path, user: &User, questions: usize) -> Vec<Answer> {
    let root = root.to_str().expect("text");
    let mut command = user.command(child::command(child::this_program(), PROCESS, &[root]));
    let mut started = command.stdout(Stdio::piped()).spawn().expect("starts");
    let said = started.stdout.take().expect("piped");
    let mut process = Process::over(started, io::sink(), said);
    let answers: Vec<Answer> = process.hear().chars().map(Answer::from_letter).collect();
    assert_eq!(answers.len(), questions);
    answers
}

/// The process's half of [`ask`].
pub(crate) fn answer(root: &str) {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, root, flags, Mode::empty()).expect("everybody may go there");
    let answers = questions().into_iter().map(|asked| kernels(&root, &asked));
    let letters: String = answers.map(Answer::letter).collect();
    child::say(&letters);
}

fn kernels(root: &OwnedFd, Question { name, what }: &Question) -> Answer {
    let flags = match what {
        What::Read => OFlags::RDONLY | OFlags::NONBLOCK,
        What::List => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::DIRECTORY,
        What::Look => OFlags::PATH | OFlags::NOFOLLOW,
    };
    let name = if name.is_empty() { "." } else { name };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let open = || openat2(root, name, flags | OFlags::CLOEXEC, Mode::empty(), beneath);
    // What it says of a path with `..` while anything is renamed anywhere.
    let mut opened = open();
    while matches!(opened, Err(Errno::AGAIN)) {
        opened = open();
    }
    match opened {
        Ok(opened) if *what == What::Read => what_it_is(&opened),
        Ok(_) => Answer::Given,
        Err(error) => Answer::Refused(kind(error)),
    }
}

fn what_it_is(opened: &OwnedFd) -> Answer {
    match FileType::from_raw_mode(fstat(opened).expect("told").st_mode) {
        FileType::RegularFile => Answer::Given,
        FileType::Directory => Answer::Refused(ErrorKind::IsADirectory),
        _ => Answer::Refused(ErrorKind::NotRegular),
    }
}

fn kind(error: Errno) -> ErrorKind {
    match error {
        Errno::ACCESS => ErrorKind::PermissionDenied,
        Errno::NOENT => ErrorKind::NotFound,
        Errno::NOTDIR => ErrorKind::NotADirectory,
        Errno::XDEV | Errno::LOOP => ErrorKind::OutsideRoot,
        Errno::NXIO => ErrorKind::NotRegular,
        other => panic!("the kernel answers {}", io::Error::from(other)),
    }
}
