//! A tree with all kinds of permissions, the same one for each seed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use ipc_testkit::random::Random;
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use rustix::io::Errno;
use tempfile::TempDir;

use crate::questions::{Question, What};
use crate::users::IDS;

/// The tree, in a directory that is removed with it.
pub(crate) struct Tree {
    place: TempDir,
}

/// What lies below the root.
#[derive(Clone, Debug)]
enum Node {
    Directory,
    /// A directory that everybody writes to, and where nobody removes what is another's.
    Sticky,
    File,
    Fifo,
    Socket,
    Link(String),
    Missing,
}

impl Tree {
    /// `None` where there are no access control lists.
    pub(crate) fn make(seed: u64) -> Option<Self> {
        let place = tempfile::tempdir().expect("a directory");
        let tree = Self { place };
        for directory in [tree.place.path(), &tree.root()] {
            fs::create_dir_all(directory).expect("created");
            fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("root may");
        }
        fs::write(tree.place.path().join("outside"), "OUTSIDE").expect("written");
        let numbers = &mut Random(seed);
        for (name, node) in nodes() {
            node.make(numbers, &tree.root().join(name)).ok()?;
        }
        Some(tree)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("root")
    }
}

/// What is asked about every tree: the names are the same in all.
pub(crate) fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    let mut ask = |name: &str, what| questions.push(Question { name: name.to_owned(), what });
    for what in [What::Read, What::List, What::Look] {
        ask("", what);
    }
    for (name, node) in nodes() {
        ask(&name, What::Look);
        ask(&name, What::Read);
        match node {
            Node::Directory | Node::Sticky => ask(&name, What::List),
            Node::File => ask(&format!("{name}/below"), What::Read),
            Node::Link(_) => {
                ask(&name, What::List);
                ask(&format!("{name}/file0"), What::Read);
                ask(&format!("{name}/inner/file0"), What::Look);
            }
            Node::Fifo | Node::Socket | Node::Missing => {}
        }
    }
    questions
}

/// Every name, directories before what is in them.
fn nodes() -> Vec<(String, Node)> {
    let mut nodes = Vec::new();
    for top in 0..6_u32 {
        let kind = if top % 3 == 2 { Node::Sticky } else { Node::Directory };
        nodes.push((format!("top{top}"), kind));
        for directory in [format!("top{top}"), format!("top{top}/inner")] {
            if directory.ends_with("inner") {
                nodes.push((directory.clone(), Node::Directory));
            }
            let mut add = |name: &str, node| nodes.push((format!("{directory}/{name}"), node));
            (0..4).for_each(|file| add(&format!("file{file}"), Node::File));
            add("missing", Node::Missing);
            add("fifo", Node::Fifo);
            let up = if directory.ends_with("inner") { "../.." } else { ".." };
            let next = (top + 1) % 6;
            for (name, text) in [
                ("to-file", "file0".to_owned()),
                ("to-link", "to-file".to_owned()),
                ("to-next", format!("{up}/top{next}/")),
                ("to-next-file", format!("{up}/top{next}/inner/file1")),
                ("to-next-link", format!("{up}/top{next}/to-file")),
                ("around", format!("{up}/top{next}/inner/../../top{top}/file2")),
                ("out", format!("{up}/../outside")),
                ("absolute", "/etc/hostname".to_owned()),
                ("nowhere", "missing".to_owned()),
                ("loop", "loop".to_owned()),
            ] {
                add(name, Node::Link(text));
            }
        }
        nodes.push((format!("top{top}/socket"), Node::Socket));
    }
    nodes
}

impl Node {
    fn make(&self, numbers: &mut Random, path: &Path) -> Result<(), Errno> {
        match self {
            Self::Directory | Self::Sticky => fs::create_dir(path).expect("created"),
            Self::File => fs::write(path, "content").expect("written"),
            Self::Fifo => rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?,
            Self::Socket => drop(UnixListener::bind(path).expect("bound")),
            Self::Link(text) => {
                symlink(text, path).expect("linked");
                lchown(path, Some(numbers.one_of(&IDS)), None).expect("root may");
                return Ok(());
            }
            Self::Missing => return Ok(()),
        }
        chown(path, Some(numbers.one_of(&IDS)), Some(numbers.one_of(&IDS))).expect("root may");
        let mode = self.mode(numbers);
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("root may");
        if numbers.below(2) == 0 {
            return set_list(numbers, path, mode);
        }
        Ok(())
    }

    /// Any, but every second directory lets most people in: behind a closed one all is alike.
    fn mode(&self, numbers: &mut Random) -> u32 {
        match (self, numbers.below(4)) {
            (Self::Sticky, 0..3) => 0o1777,
            (Self::Directory, 0) => 0o711,
            (Self::Directory, 1) => 0o755,
            _ => numbers.below(0o1000),
        }
    }
}

/// A random list, with entries in the order that acl(5) asks for.
fn set_list(numbers: &mut Random, path: &Path, mode: u32) -> Result<(), Errno> {
    const NOBODY_IN_PARTICULAR: u32 = u32::MAX;
    let [owner, user, own_group, group, mask, other] = [0x01_u16, 0x02, 0x04, 0x08, 0x10, 0x20];
    let mut list = 2_u32.to_le_bytes().to_vec();
    let mut add = |tag: u16, permissions: u32, id: u32| {
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&u16::try_from(permissions).expect("a digit").to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    };
    let mut named = |add: &mut dyn FnMut(u16, u32, u32), tag| {
        for id in IDS {
            if numbers.below(3) == 0 {
                add(tag, numbers.below(8), id);
            }
        }
        numbers.below(8)
    };
    add(owner, mode >> 6 & 7, NOBODY_IN_PARTICULAR);
    let of_own_group = named(&mut add, user);
    add(own_group, of_own_group, NOBODY_IN_PARTICULAR);
    let of_mask = named(&mut add, group);
    add(mask, of_mask, NOBODY_IN_PARTICULAR);
    add(other, mode & 7, NOBODY_IN_PARTICULAR);
    rustix::fs::setxattr(path, "system.posix_acl_access", &list, XattrFlags::empty())
}
