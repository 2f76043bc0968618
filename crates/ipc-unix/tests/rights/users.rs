//! Users of the matrix: numbers, without accounts.

use std::fs::File;
use std::process::Command;
use std::thread;

use ipc_testkit::random::Random;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// The users and groups that files belong to and lists name.
pub(crate) const IDS: [u32; 6] = [0, 41_500, 41_501, 41_502, 41_503, 41_504];

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
}

/// So many of them.
pub(crate) fn some(count: usize, seed: u64) -> Vec<User> {
    let numbers = &mut Random(seed + 1_000);
    (0..count).map(|_| User::make(numbers)).collect()
}

impl User {
    fn make(numbers: &mut Random) -> Self {
        let uid = if numbers.below(8) == 0 { STRANGER } else { numbers.one_of(&IDS) };
        let gid = if numbers.below(3) == 0 { STRANGER } else { numbers.one_of(&IDS) };
        let mut groups: Vec<u32> = (0..numbers.below(4)).map(|_| numbers.one_of(&IDS)).collect();
        if numbers.below(10) == 0 {
            groups.extend(50_000..50_000 + numbers.below(100));
        }
        Self { uid, gid, groups }
    }

    /// Runs `work` on a thread that is this user for good, and has no capabilities.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        thread::scope(|scope| {
            let user = scope.spawn(|| {
                let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
                let (gid, uid) = (Gid::from_raw(self.gid), Uid::from_raw(self.uid));
                set_thread_groups(&groups).expect("root may");
                set_thread_res_gid(gid, gid, gid).expect("root may");
                set_thread_res_uid(uid, uid, uid).expect("root may");
                work()
            });
            user.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// `program`, which is this very one, as this user and without any capability, root's user too.
    /// It may lie where the user cannot go: it comes as the standard input.
    pub(crate) fn command(&self, program: Command) -> Command {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", self.uid)).arg(format!("--regid={}", self.gid));
        let groups: Vec<String> = self.groups.iter().map(u32::to_string).collect();
        match groups.is_empty() {
            true => command.arg("--clear-groups"),
            false => command.arg(format!("--groups={}", groups.join(","))),
        };
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"]);
        command.arg("/proc/self/fd/0").args(program.get_args());
        command.stdin(File::open("/proc/self/exe").expect("this program can be read"));
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }
}

/// A user, and a group, that nothing belongs to.
const STRANGER: u32 = 41_600;
