//! The walk from the root to a file, as the client would walk it.

use std::io;

use ipc_core::files::{FileKind, Metadata, ResolveRules, Root};
use ipc_core::{Error, Result};

use super::access_list::AccessList;
use super::permissions::{Judge, Permissions, Right};
use super::refusals::Asked;
use crate::root::{UnixRoot, made_up};
use crate::sys::Errno;
use crate::sys::handle::Handle;
use crate::sys::look::{FileSystem, Look};

/// What becomes of a link that is the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalLink {
    /// It is what was looked for.
    Itself,
    /// What it leads to is.
    Followed,
}

/// A file that the client can reach, and what decides about it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) handle: Handle,
    pub(super) permissions: Permissions,
    pub(super) metadata: Metadata,
}

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    judge: &'a Judge,
    asked: &'a Asked<'a>,
    rules: ResolveRules,
    final_link: FinalLink,
    /// The directories from the root to where the walk stands: `..` in a link's text leads back
    /// through them, never past the first.
    trail: Vec<Found>,
    /// The components still to come, the next one last.
    ahead: Vec<Vec<u8>>,
    /// The last one was followed by a `/`.
    ends_in_directory: bool,
    links: usize,
    steps: usize,
}

impl<'a> Walk<'a> {
    /// A walk that stands at the root.
    pub(super) fn new(
        root: &UnixRoot,
        judge: &'a Judge,
        asked: &'a Asked<'a>,
        final_link: FinalLink,
    ) -> Result<Self> {
        let mut walk = Self {
            judge,
            asked,
            rules: root.rules(),
            final_link,
            trail: Vec::new(),
            ahead: Vec::new(),
            ends_in_directory: false,
            links: 0,
            steps: 0,
        };
        let handle = Handle::on(root.as_fd()).map_err(|e| asked.own_failure(e))?;
        let start = walk.look_at(handle)?;
        walk.trail.push(start);
        let path = asked.path;
        walk.plan(if path.is_root() { b"." } else { path.as_bytes() });
        Ok(walk)
    }

    /// Walks to the end.
    pub(super) fn find(mut self) -> Result<Found> {
        while let Some(name) = self.ahead.pop() {
            self.steps += 1;
            if !self.judge.lets(self.asked.client, Right::Search, &self.here().permissions) {
                return Err(self.asked.denied());
            }
            match &name[..] {
                b"." => self.search_here()?,
                b".." => self.go_up()?,
                name => {
                    if let Some(found) = self.go_down(name)? {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(self.trail.pop().expect("the root is never left, and found at most once"))
    }

    /// Puts the components of `text` before those still to come.
    fn plan(&mut self, text: &[u8]) {
        let components = text.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        self.ahead.extend(components.rev().map(<[u8]>::to_vec));
    }

    fn here(&self) -> &Found {
        self.trail.last().expect("the root is never left")
    }

    /// For a name the system asks this process for its own right to search; here nobody else does.
    fn search_here(&self) -> Result<()> {
        let searched = self.here().handle.below(b".");
        searched.map(drop).map_err(|error| self.asked.own_failure(error))
    }

    fn go_up(&mut self) -> Result<()> {
        self.search_here()?;
        if self.trail.len() == 1 {
            return Err(self.asked.answer(Errno::XDEV));
        }
        self.trail.pop();
        Ok(())
    }

    /// Goes on to `name`; returns it if it is the end and no directory to stand in.
    fn go_down(&mut self, name: &[u8]) -> Result<Option<Found>> {
        let is_last = self.ahead.is_empty();
        let below = self.here().handle.below(name);
        let found = self.look_at(below.map_err(|error| self.asked.own_failure(error))?)?;
        match found.metadata.kind {
            FileKind::Link if is_last && self.final_link == FinalLink::Itself => Ok(Some(found)),
            FileKind::Link => self.follow(&found, is_last).map(|()| None),
            FileKind::Directory => self.enter(found).map(|()| None),
            _ if is_last && !self.ends_in_directory => Ok(Some(found)),
            _ => Err(self.asked.answer(Errno::NOTDIR)),
        }
    }

    fn enter(&mut self, directory: Found) -> Result<()> {
        if self.trail.len() > MAX_DEPTH {
            return Err(Error::LimitExceeded {
                what: "directories on the way to the file",
                asked: self.trail.len() as u64,
                limit: MAX_DEPTH as u64,
            });
        }
        self.trail.push(directory);
        Ok(())
    }

    /// Goes on with the text of a link, from the directory that it lies in.
    fn follow(&mut self, link: &Found, is_last: bool) -> Result<()> {
        let Asked { client, .. } = self.asked;
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(self.asked.answer(Errno::LOOP));
        }
        let here = &self.here().permissions;
        if is_last && !self.judge.lets_follow(client, &link.permissions, here) {
            return Err(self.asked.denied());
        }
        if !self.rules.follow_links {
            return Err(self.asked.answer(Errno::LOOP));
        }
        let text = link.handle.target().map_err(|error| self.asked.own_failure(error))?;
        if text.first() == Some(&b'/') {
            return Err(self.asked.answer(Errno::XDEV));
        }
        if text.is_empty() {
            return Err(self.asked.answer(Errno::NOENT));
        }
        self.ends_in_directory |= is_last && text.last() == Some(&b'/');
        self.plan(&text);
        if self.steps + self.ahead.len() > MAX_STEPS {
            return Err(self.asked.answer(Errno::LOOP));
        }
        Ok(())
    }

    /// What decides about a file, if that is known for all of its file system.
    fn look_at(&self, handle: Handle) -> Result<Found> {
        let unknown = |error: io::Error| match error.kind() {
            io::ErrorKind::ResourceBusy => self.asked.own_failure(error),
            _ => self.asked.unknowable(&error.to_string()),
        };
        let Look { metadata, list } = handle.look().map_err(unknown)?;
        let before = self.trail.last().map(|directory| directory.metadata.device);
        if before != Some(metadata.device) {
            if before.is_some() && !self.rules.cross_mounts {
                return Err(self.asked.answer(Errno::XDEV));
            }
            match handle.file_system().map_err(unknown)? {
                FileSystem::JudgesByMode => {}
                FileSystem::MadeUp => return Err(made_up()),
                FileSystem::Unknown => return Err(self.asked.unknowable(ELSEWHERE)),
            }
        }
        let list = match list.as_deref().map(AccessList::parse) {
            None => None,
            Some(Some(list)) => Some(list),
            Some(None) => {
                return Err(self.asked.unknowable("its access control list is malformed"));
            }
        };
        let (Some(mode), Some((owner, group))) = (metadata.mode, metadata.owner) else {
            return Err(self.asked.unknowable("it has no owner or no mode"));
        };
        let permissions = Permissions { owner, group, mode, list };
        Ok(Found { handle, permissions, metadata })
    }
}

const ELSEWHERE: &str =
    "it lies on a file system that may decide by more than owner, mode and access control list";

/// How many links are followed in all. Source: path_resolution(7), "Step 2".
const MAX_LINKS: usize = 40;

/// How many directories deep the walk goes. Each is held open until the end.
const MAX_DEPTH: usize = 128;

/// How many components are walked in all, where links are followed: twice what a path can have.
const MAX_STEPS: usize = 4096;
