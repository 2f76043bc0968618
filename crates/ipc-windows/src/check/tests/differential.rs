//! The check against acting as the client, and against the client's own attempt, over rights and
//! tokens of every kind.

use std::path::PathBuf;

use ipc_core::AsPeer;
use ipc_core::peer::Sid;
use ipc_testkit::random::Random;

use super::*;
use crate::sys::token;
use crate::testing::act;

/// What came of an attempt.
type Answer = std::result::Result<(), ErrorKind>;

/// A tree whose files and directories have lists of every kind.
struct Tree {
    directory: Directory,
    /// What lies in it, outermost first.
    made: Vec<PathBuf>,
    names: Vec<String>,
}

impl Tree {
    fn new(seed: u64) -> Self {
        let directory = Directory::new();
        let mut tree = Self { directory, made: Vec::new(), names: Vec::new() };
        for outer in 0..DIRECTORIES {
            for way in [format!("d{outer}"), format!("d{outer}/inner")] {
                let made = tree.directory.path().join(&way);
                fs::create_dir(&made).expect("made");
                tree.add(made, &way);
                for file in 0..FILES {
                    let name = format!("{way}/f{file}");
                    let made = tree.directory.file(&name);
                    tree.add(made, &name);
                }
                tree.names.push(format!("{way}/missing"));
            }
        }
        let random = &mut Random(seed);
        for made in tree.made.iter().rev() {
            set(made, &list(random));
        }
        tree
    }

    fn add(&mut self, made: PathBuf, name: &str) {
        self.made.push(made);
        self.names.push(name.to_owned());
    }
}

impl Drop for Tree {
    /// So that it can be removed.
    fn drop(&mut self) {
        let full = FileAcl::administrators().allow_this_user(FileAccess::Full);
        for made in &self.made {
            let _left_if_not = full.apply_to(made);
        }
    }
}

const DIRECTORIES: usize = 6;
const FILES: usize = 6;

fn list(random: &mut Random) -> String {
    let user = user();
    let who = ["BA", "BU", "WD", "AU", "SY", "RC", "S-1-5-21-9-9-9-1", user.as_str()];
    let rights = ["FA", "FR", "FX", "FW", "GR", "GA", "0x1", "0x8", "0x80", "0x100000", "0x120089"];
    let count = random.below(6);
    let entry = |_| {
        let kind = random.one_of(&["A", "A", "D"]);
        format!("({kind};;{};;;{})", random.one_of(&rights), random.one_of(&who))
    };
    (0..count).map(entry).collect()
}

fn user() -> Sid {
    Token::of_process().and_then(|own| own.user()).expect("told").sid
}

/// Tokens that are restricted in every way.
fn tokens() -> Vec<(&'static str, Token)> {
    let [admins, users, everyone, authenticated, restricted] =
        [Sid::ADMINISTRATORS, "S-1-5-32-545", "S-1-1-0", "S-1-5-11", "S-1-5-12"].map(Sid::new);
    let user = user();
    let token = |deny_only: &[&Sid], restricting: &[&Sid], without_privileges| {
        let owned = |sids: &[&Sid]| sids.iter().map(|sid| (*sid).clone()).collect::<Vec<_>>();
        let token = Token::restricted(&owned(deny_only), &owned(restricting), without_privileges);
        let token = token.expect("restricted");
        token.to_carry(ImpersonationLevel::Impersonation).expect("a copy")
    };
    vec![
        ("not restricted", token(&[], &[], false)),
        ("administrators only deny", token(&[&admins], &[], false)),
        ("administrators only deny, no privileges", token(&[&admins], &[], true)),
        ("users only deny", token(&[&users], &[], false)),
        ("all groups only deny", token(&[&admins, &users, &authenticated], &[], false)),
        ("the user only denies", token(&[&user], &[], false)),
        ("the user and administrators only deny", token(&[&user, &admins], &[], false)),
        ("restricted to the user", token(&[], &[&user, &restricted], false)),
        ("restricted to everyone", token(&[], &[&everyone], false)),
        (
            "restricted to users, administrators only deny",
            token(&[&admins], &[&users, &restricted], false),
        ),
    ]
}

/// To read it, to list it, to look at it.
fn answers(
    open: impl Fn(Open) -> Result<File>,
    stat: impl FnOnce() -> Result<Metadata>,
) -> [Answer; 3] {
    let kind = |error: Error| error.kind();
    [
        open(Open::Read).map(drop).map_err(kind),
        open(Open::List).map(drop).map_err(kind),
        stat().map(drop).map_err(kind),
    ]
}

#[allow(clippy::disallowed_methods, reason = "the thread carries the token that it asks for")]
fn by_this_thread(root: &WindowsRoot, name: &RelativePath) -> [Answer; 3] {
    AsPeer::attest(|by| answers(|how| root.open(by, name, how), || root.stat(by, name)))
}

/// Holds what the check says against what the client and the server get by themselves.
fn agrees(check: Answer, own: Answer, server: Answer) -> bool {
    match (own, server) {
        (Ok(()), Ok(())) => check == Ok(()),
        // What both are refused may be told by either's reason.
        (Err(own), Err(server)) => check == Err(own) || check == Err(server),
        (Err(own), Ok(())) => check == Err(own),
        (Ok(()), Err(server)) => check == Err(server),
    }
}

#[test]
fn t01_t02_t16_t54_the_check_answers_as_acting_as_the_client_and_as_its_own_attempt() {
    const TEST: &str =
        "t01_t02_t16_t54_the_check_answers_as_acting_as_the_client_and_as_its_own_attempt";
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    let (mut asked, mut given, mut refused) = (0, 0, 0);
    for seed in 1..=2 {
        let tree = Tree::new(seed);
        let root = WindowsRoot::open_dir(tree.directory.path()).expect("a root");
        for (restricted, token) in tokens() {
            let client = client_with(&token, Grant::FULL);
            for name in &tree.names {
                let path = path(name);
                let server = by_this_thread(&root, &path);
                token::carry(&token).expect("carried");
                let own = by_this_thread(&root, &path);
                token::revert().expect("reverted");
                let acting = act(&client, |_| by_this_thread(&root, &path)).expect("acts");
                let peer = client.peer();
                let check = answers(
                    |how| root.open_checked(peer, &path, how),
                    || root.stat_checked(peer, &path),
                );
                assert_eq!(acting, own, "{seed}: {restricted}: {name}");
                for (at, what) in ["read", "list", "look"].into_iter().enumerate() {
                    let agrees = agrees(check[at], own[at], server[at]);
                    let all = (check[at], own[at], server[at]);
                    assert!(agrees, "{seed}: {restricted}: {what} {name}: {all:?}");
                    asked += 1;
                    given += usize::from(check[at].is_ok());
                    refused += usize::from(check[at] == Err(ErrorKind::PermissionDenied));
                }
            }
        }
    }
    assert!(given > asked / 20 && refused > asked / 20, "{asked}: {given}, {refused}");
}
