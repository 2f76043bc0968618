//! The check's answers held against the kernel's own, and wrong rules that this must find out.

use std::fs::{self, Permissions as FileMode};
use std::os::unix::fs::{PermissionsExt, chown};

use ipc_testkit::random::Random;
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use tempfile::TempDir;

use super::*;
use crate::check::access_list::tests::{encode, random};
use crate::testing::{skip, takes_root};

/// A rule that decides about one file.
type Rule = fn(&permissions::Permissions, &UnixIdentity, Right) -> bool;

#[test]
fn the_check_answers_as_the_kernel_does_and_no_wrong_rule_would() {
    let name = "the_check_answers_as_the_kernel_does_and_no_wrong_rule_would";
    if !takes_root(name) {
        return;
    }
    let Some(scene) = Scene::make(&mut Random(41)) else {
        return skip(name, "the temporary directory's file system has no access control lists");
    };
    let Wrong { allowed, denied } = scene.wrong_answers(permissions::gives);
    assert_eq!((allowed, denied), (0, 0), "of {}", scene.questions());
    for (what, rule) in WRONG_RULES {
        let Wrong { allowed, denied } = scene.wrong_answers(rule);
        assert!(allowed + denied > 0, "nobody notices: {what}");
    }
}

/// What an evaluator of permissions easily gets wrong.
const WRONG_RULES: [(&str, Rule); 8] = [
    ("a list with an empty mask is consulted", |file, client, right| match &file.list {
        Some(list) if client.uid != file.owner => list.denial(client, file.group, right).is_none(),
        _ => permissions::gives(file, client, right),
    }),
    ("the mask is forgotten", |file, client, right| {
        let mut file = file.clone();
        file.list.iter_mut().for_each(|list| list.mask = None);
        permissions::gives(&file, client, right)
    }),
    ("lists are not read", |file, client, right| {
        permissions::gives(&permissions::Permissions { list: None, ..file.clone() }, client, right)
    }),
    ("the owner also counts as everybody else", |file, client, right| {
        permissions::gives(file, client, right) || file.mode & u32::from(right.bit()) != 0
    }),
    ("a group that is refused falls through to everybody else", |file, client, right| {
        let nobody = UnixIdentity { gid: 7, groups: Some(Vec::new()), ..client.clone() };
        permissions::gives(file, client, right) || permissions::gives(file, &nobody, right)
    }),
    ("supplementary groups do not count", |file, client, right| {
        let client = UnixIdentity { groups: Some(Vec::new()), ..client.clone() };
        permissions::gives(file, &client, right)
    }),
    ("directories need not be searched", |file, client, right| {
        right == Right::Search || permissions::gives(file, client, right)
    }),
    ("searching a directory takes the right to read it", |file, client, _| {
        permissions::gives(file, client, Right::Read)
    }),
];

/// Files and directories with all kinds of permissions, and users.
struct Scene {
    directory: TempDir,
    names: Vec<String>,
    users: Vec<User>,
    /// For each user and name, the kernel's answer.
    answers: Vec<Vec<Answer>>,
}

#[derive(Default)]
struct Wrong {
    allowed: usize,
    denied: usize,
}

impl Scene {
    /// `None` where there are no access control lists.
    fn make(numbers: &mut Random) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), FileMode::from_mode(0o755)).expect("root may");
        let names = Self::names();
        for name in &names {
            let path = directory.path().join(name);
            match name.ends_with('/') {
                true => fs::create_dir(&path).expect("created"),
                false if !name.ends_with("missing") => fs::write(&path, name).expect("written"),
                false => continue,
            }
            dress(numbers, &path).ok()?;
        }
        let users = (0..40).map(|_| user(numbers)).collect();
        let mut scene = Self { directory, names, users, answers: Vec::new() };
        scene.answers = scene.users.iter().map(|user| scene.kernels_answers(user)).collect();
        Some(scene)
    }

    fn names() -> Vec<String> {
        let mut names = Vec::new();
        for outer in 0..8 {
            names.push(format!("{outer}/"));
            for inner in 0..3 {
                names.push(format!("{outer}/{inner}/"));
                names.push(format!("{outer}/{inner}/missing"));
                names.extend((0..4).map(|file| format!("{outer}/{inner}/file{file}")));
            }
        }
        names
    }

    fn kernels_answers(&self, user: &User) -> Vec<Answer> {
        let root = root(self.directory.path());
        user.run(|| self.names.iter().map(|name| by_kernel(&root, name, how(name))).collect())
    }

    fn questions(&self) -> usize {
        self.users.len() * self.names.len()
    }

    fn wrong_answers(&self, gives: Rule) -> Wrong {
        let root = root(self.directory.path());
        let judge = Judge { gives, ..Judge::of_this_system() };
        let mut wrong = Wrong::default();
        for (user, answers) in self.users.iter().zip(&self.answers) {
            let client = user.ids();
            for (name, right) in self.names.iter().zip(answers) {
                match (judged(&root, &judge, &client, name, how(name)), right) {
                    (given, right) if given == *right => {}
                    (Ok(()), _) => wrong.allowed += 1,
                    _ => wrong.denied += 1,
                }
            }
        }
        wrong
    }
}

fn how(name: &str) -> Open {
    if name.ends_with('/') { Open::List } else { Open::Read }
}

fn user(numbers: &mut Random) -> User {
    let groups: Vec<u32> = (0..numbers.below(4)).map(|_| numbers.one_of(&IDS)).collect();
    User { uid: numbers.one_of(&IDS), gid: numbers.one_of(&IDS), groups }
}

/// Gives the file an owner, a group, a mode, and to every second one a list.
fn dress(numbers: &mut Random, path: &Path) -> Result<(), Errno> {
    let is_directory = path.is_dir();
    chown(path, Some(numbers.one_of(&IDS)), Some(numbers.one_of(&IDS))).expect("root may");
    let mode = match numbers.below(3) {
        0 if is_directory => 0o711,
        1 if is_directory => 0o755,
        _ => numbers.below(0o1000),
    };
    fs::set_permissions(path, FileMode::from_mode(mode)).expect("root may");
    if numbers.below(2) == 0 {
        let list = encode(&random(numbers, &IDS), u16::try_from(mode >> 6).expect("a digit"));
        rustix::fs::setxattr(path, "system.posix_acl_access", &list, XattrFlags::empty())?;
    }
    Ok(())
}

/// Users and groups without names.
const IDS: [u32; 4] = [41_500, 41_501, 41_502, 41_503];
