//! The permission matrix: what a server gives its clients, by every way that it has, held against
//! what the kernel gives a process of each client's.
//!
//! A tree with owners, groups, modes, access control lists, closed directories and links of all
//! kinds; users with all kinds of groups; and for each user and name the kernel's own answer to a
//! process that is that user and nothing else. `IPC_SOAK` in the environment makes it several trees
//! and 200 users for each.

use std::sync::OnceLock;

use ipc_testkit::{child, skip};
use rustix::process::geteuid;

use crate::questions::{Answer, Question};
use crate::server::{Server, Way, has_requests};
use crate::tree::Tree;
use crate::users::User;
use crate::{QUIET, is_soak, kernel, report, tree, users};

#[test]
fn t01_t02_t54_a_thread_that_has_become_the_client_answers_as_the_kernel_does() {
    compare("t01_t02_t54_a_thread_that_has_become_the_client_answers_as_the_kernel_does", |m| {
        m.compare(Way::Thread)
    });
}

#[test]
fn t01_t02_t54_a_request_with_the_clients_credentials_answers_as_the_kernel_does() {
    let name = "t01_t02_t54_a_request_with_the_clients_credentials_answers_as_the_kernel_does";
    if !has_requests() {
        return skip(name, "takes requests to open files");
    }
    compare(name, |m| m.compare(Way::Request));
}

#[test]
fn t01_t02_t54_the_credential_check_answers_as_the_kernel_does() {
    compare("t01_t02_t54_the_credential_check_answers_as_the_kernel_does", |m| {
        m.compare(Way::Check)
    });
}

#[test]
fn t01_t02_t54_the_check_of_a_server_without_privileges_gives_what_both_may_have() {
    compare(
        "t01_t02_t54_the_check_of_a_server_without_privileges_gives_what_both_may_have",
        Matrix::compare_without_privileges,
    );
}

/// Does nothing unless the matrix has started it as a user's process.
#[test]
fn a_users_process() {
    if let Some(arguments) = child::role(kernel::PROCESS) {
        kernel::answer(&arguments.concat());
    }
}

/// Runs `test` on every matrix.
pub(crate) fn compare(name: &str, test: impl Fn(&Matrix) -> Counted) {
    if !geteuid().is_root() {
        return skip(name, "takes root");
    }
    let _quiet = QUIET.read();
    static MATRICES: OnceLock<Option<Vec<Matrix>>> = OnceLock::new();
    let (trees, users) = if is_soak() { (4, 200) } else { (1, 30) };
    let make = || (1..=trees).map(|seed| Matrix::make(users, seed)).collect();
    match MATRICES.get_or_init(make) {
        Some(matrices) => {
            let counted = matrices.iter().map(test).fold(Counted::default(), Counted::and);
            let Counted { questions, given, refused } = counted;
            report(&format!(
                "{name}: {questions} asked, {given} given, {refused} refused, 0 wrong"
            ));
            assert!(given > questions / 50 && refused > questions / 50, "{counted:?}");
        }
        None => skip(name, "the temporary directory's file system has no access control lists"),
    }
}

/// A tree, users, and the kernel's answer to each user's own process about each name.
pub(crate) struct Matrix {
    pub(crate) tree: Tree,
    pub(crate) questions: Vec<Question>,
    pub(crate) users: Vec<User>,
    pub(crate) answers: Vec<Vec<Answer>>,
}

/// What a comparison without a wrong answer came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    questions: usize,
    given: usize,
    refused: usize,
}

impl Matrix {
    /// `None` where there are no access control lists.
    fn make(users: usize, seed: u64) -> Option<Self> {
        let tree = Tree::make(seed)?;
        let questions = tree::questions();
        let users = users::some(users, seed);
        let ask = |user: &User| kernel::ask(&tree.root(), user, questions.len());
        let answers = users.iter().map(ask).collect();
        Some(Self { tree, questions, users, answers })
    }

    fn compare(&self, way: Way) -> Counted {
        let server = Server::start(&self.tree.root(), &self.users);
        let mut counted = Counted::default();
        for (client, right) in self.answers.iter().enumerate() {
            for (question, right) in self.questions.iter().zip(right) {
                let given = server.ask(way, client, question);
                assert_eq!(given, *right, "{question:?} of {:?}", self.users[client]);
                counted.count(given);
            }
        }
        counted
    }

    /// As the server there is another user each time. Where it and the client would meet different
    /// refusals, the client meets one of them.
    fn compare_without_privileges(&self) -> Counted {
        let server = Server::start(&self.tree.root(), &self.users);
        let mut counted = Counted::default();
        let servers = self.users.iter().enumerate().filter(|(_, user)| user.uid != 0);
        for (number, (own, user)) in servers.step_by(self.users.len() / 6).enumerate() {
            user.run(|| {
                for client in (number..self.users.len()).step_by(5) {
                    self.compare_with_both(&server, [client, own], &mut counted);
                }
            });
        }
        counted
    }

    fn compare_with_both(&self, server: &Server, both: [usize; 2], counted: &mut Counted) {
        let users = both.map(|user| &self.users[user]);
        for (at, question) in self.questions.iter().enumerate() {
            let given = server.ask(Way::Check, both[0], question);
            let answers = both.map(|user| self.answers[user][at]);
            let right = match answers {
                [Answer::Given, other] | [other, Answer::Given] => given == other,
                refusals => refusals.contains(&given),
            };
            assert!(right, "{given:?}: {question:?} of {users:?}: {answers:?}");
            counted.count(given);
        }
    }
}

impl Counted {
    pub(crate) fn count(&mut self, answer: Answer) {
        self.questions += 1;
        match answer {
            Answer::Given => self.given += 1,
            _ => self.refused += 1,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            questions: self.questions + other.questions,
            given: self.given + other.given,
            refused: self.refused + other.refused,
        }
    }
}
