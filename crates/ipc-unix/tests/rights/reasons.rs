//! The reasons of refusals: for every refused question of the matrix, the name at which the way ends
//! is one that the client can get to, and there the kernel refuses that very client what the reason
//! says it lacks.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use ipc_core::ErrorKind;
use ipc_core::files::{Class, Denial, Finding, Reason, Right};
use rustix::fs::{Access, AtFlags, accessat};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::matrix::{Counted, Matrix, compare};
use crate::questions::{Answer, What};
use crate::server::{Server, Way};
use crate::users::User;

#[test]
fn t54_where_a_thread_that_is_the_client_is_refused_the_client_lacks_what_the_reason_says() {
    compare(
        "t54_where_a_thread_that_is_the_client_is_refused_the_client_lacks_what_the_reason_says",
        |matrix| matrix.explain(Way::Thread),
    );
}

#[test]
fn t54_where_the_credential_check_refuses_the_client_lacks_what_the_reason_says() {
    compare(
        "t54_where_the_credential_check_refuses_the_client_lacks_what_the_reason_says",
        |matrix| matrix.explain(Way::Check),
    );
}

impl Matrix {
    /// Holds the reason of each refusal against the kernel.
    fn explain(&self, way: Way) -> Counted {
        let root = self.tree.root();
        let server = Server::start(&root, &self.users);
        let mut counted = Counted::default();
        for (client, answers) in self.answers.iter().enumerate() {
            let asked = self.questions.iter().zip(answers);
            let asked = asked.filter(|(question, _)| question.what != What::Look);
            let explained: Vec<_> = asked
                .map(|(question, answer)| {
                    counted.count(*answer);
                    let Answer::Refused(kind) = *answer else { return None };
                    let finding = server.explain(way, client, question, kind);
                    Some((question, kind, finding))
                })
                .collect();
            let user = &self.users[client];
            let client = Client { root: root.clone(), user };
            user.run(|| {
                // Root's user keeps them.
                set_capabilities(None, NO_CAPABILITIES).expect("anybody may drop them");
                for (question, kind, finding) in explained.iter().flatten() {
                    let about = format!("{question:?} of {user:?}: {kind:?}: {finding:?}");
                    let finding = finding.as_ref().unwrap_or_else(|| panic!("{about}"));
                    client.verify(finding, *kind).unwrap_or_else(|why| panic!("{about}: {why}"));
                }
            });
        }
        counted
    }
}

const NO_CAPABILITIES: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// A client of the matrix, on a thread that is its user and nothing else.
struct Client<'a> {
    root: PathBuf,
    user: &'a User,
}

impl Client<'_> {
    fn verify(&self, finding: &Finding, kind: ErrorKind) -> Result<(), String> {
        check(finding.reason.explains(kind), "another refusal")?;
        let name = String::from_utf8(finding.at.clone()).expect("text");
        let place = self.root.join(&name);
        let seen = fs::symlink_metadata(&place);
        if finding.reason == Reason::Missing {
            return check(seen.is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound), "there");
        }
        // What the client is told of it, it can see itself.
        let seen = seen.map_err(|error| format!("out of the client's reach: {error}"))?;
        let told = finding.metadata.as_ref().ok_or("nothing is told of it")?;
        check(told.mode == Some(seen.mode() & 0o7777), "another mode")?;
        check(told.owner == Some((seen.uid(), seen.gid())), "another owner")?;
        let kinds = seen.file_type();
        match &finding.reason {
            Reason::Permissions(denial) => {
                check(self.is_refused(&name, denial.right), "the kernel lets the client")?;
                self.verify_class(denial, &seen, &place)
            }
            Reason::LinkOutOfRoot => check(kinds.is_symlink(), "no link"),
            // As the last component of a path, in a directory for all.
            Reason::LinkNotFollowed => check(kinds.is_symlink(), "no link"),
            Reason::IsADirectory => check(kinds.is_dir(), "no directory"),
            Reason::NotADirectory => check(!kinds.is_dir(), "a directory"),
            Reason::NotRegular => check(kinds.is_fifo() || kinds.is_socket(), "no such thing"),
            other => Err(format!("{other:?} cannot be here")),
        }
    }

    /// The kernel's answer to this thread.
    fn is_refused(&self, name: &str, right: Right) -> bool {
        let access = match right {
            Right::Search => Access::EXEC_OK,
            Right::Read => Access::READ_OK,
            _ => Access::WRITE_OK,
        };
        let root = OwnedFd::from(File::open("/").expect("everybody may"));
        let place = self.root.join(name);
        accessat(&root, &place, access, AtFlags::EACCESS) == Err(Errno::ACCESS)
    }

    /// That class is the client's, has what is said, and lacks the right.
    fn verify_class(
        &self,
        denial: &Denial,
        seen: &fs::Metadata,
        place: &PathBuf,
    ) -> Result<(), String> {
        let user = self.user;
        let is_in = |gid| user.gid == gid || user.groups.contains(&gid);
        let digit = |shift: u32| (seen.mode() >> shift & 7) as u8;
        let entry = |tag, id| entries(place).into_iter().find(|e| e.0 == tag && e.2 == id);
        let has = match denial.class {
            Class::Owner => {
                check(user.uid == seen.uid(), "not its owner")?;
                Some(digit(6))
            }
            Class::Group => {
                check(is_in(seen.gid()), "not in its group")?;
                Some(digit(3))
            }
            Class::Other => {
                check(user.uid != seen.uid() && !is_in(seen.gid()), "not everybody else")?;
                Some(digit(0))
            }
            Class::UserEntry(uid) => {
                check(user.uid == uid, "another user's entry")?;
                entry(0x02, uid).map(|e| e.1)
            }
            Class::OwnGroupEntry => {
                check(is_in(seen.gid()), "not in its group")?;
                entry(0x04, u32::MAX).map(|e| e.1)
            }
            Class::GroupEntry(gid) => {
                check(is_in(gid), "another group's entry")?;
                entry(0x08, gid).map(|e| e.1)
            }
            other => return Err(format!("{other:?} cannot be here")),
        };
        check(has == Some(denial.has), "the class has something else")?;
        let mask = entry(0x10, u32::MAX).map(|e| e.1);
        let is_mode = matches!(denial.class, Class::Owner | Class::Group | Class::Other);
        check(denial.mask == mask.filter(|_| !is_mode), "another mask")?;
        let passes = denial.has & denial.mask.unwrap_or(7);
        check(passes & denial.right.bit() == 0, "the right is not lacking")
    }
}

/// The entries of a file's access control list: tag, permissions, id.
fn entries(place: &PathBuf) -> Vec<(u16, u8, u32)> {
    let mut list = vec![0; 4096];
    let length = rustix::fs::lgetxattr(place, "system.posix_acl_access", &mut list[..]);
    let Ok(length) = length else { return Vec::new() };
    let entries = list[4..length].chunks_exact(8);
    let entry = |bytes: &[u8]| {
        let id = u32::from_le_bytes(bytes[4..8].try_into().expect("four"));
        (u16::from_le_bytes([bytes[0], bytes[1]]), bytes[2], id)
    };
    entries.map(entry).collect()
}

fn check(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
