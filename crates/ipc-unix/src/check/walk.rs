//! The walk from the root to a file, as the client would walk it.

use std::io;

use ipc_core::files::{FileKind, Finding, Metadata, Reason, ResolveRules, Right, Root};

use super::permissions::{self, Judge, Permissions};
use super::refusals::{Asked, Obstacle, Stop, Walked};
use crate::root::UnixRoot;
use crate::sys::Errno;
use crate::sys::handle::Handle;
use crate::sys::look::FileSystem;

/// What becomes of a link that is the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalLink {
    /// It is what was looked for.
    Itself,
    /// What it leads to is.
    Followed,
}

/// Who decides whether the client may search a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decider {
    /// This process, by the directory's permissions; the system gives it only what is its own.
    Judge,
    /// The system: this thread has the client's rights. Permissions only say why.
    System,
}

/// A file that the client can reach, and what decides about it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: Vec<u8>,
    pub(super) handle: Handle,
    pub(super) permissions: Permissions,
    pub(super) metadata: Metadata,
    /// The component of the path during which it was found.
    component: usize,
    /// Its permissions are all that decides about it.
    pub(super) is_judged: bool,
}

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    judge: &'a Judge,
    asked: &'a Asked<'a>,
    decider: Decider,
    rules: ResolveRules,
    final_link: FinalLink,
    /// The directories from the root to where the walk stands: `..` in a link's text leads back
    /// through them, never past the first.
    trail: Vec<Found>,
    /// The components still to come, the next one last.
    ahead: Vec<Step>,
    /// Which component of the path is being walked.
    component: usize,
    /// The last one was followed by a `/`.
    ends_in_directory: bool,
    /// The links that were followed, with their own paths.
    links: Vec<(Vec<u8>, Metadata)>,
    steps: usize,
}

/// A component still to come.
#[derive(Debug)]
struct Step {
    name: Vec<u8>,
    /// It stands in the text of this one of the links that were followed, or in the path itself.
    link: Option<usize>,
}

impl<'a> Walk<'a> {
    /// A walk that stands at the root.
    pub(super) fn new(
        root: &UnixRoot,
        judge: &'a Judge,
        asked: &'a Asked<'a>,
        decider: Decider,
        final_link: FinalLink,
    ) -> Walked<Self> {
        let mut walk = Self {
            judge,
            asked,
            decider,
            rules: root.rules(),
            final_link,
            trail: Vec::new(),
            ahead: Vec::new(),
            component: 0,
            ends_in_directory: false,
            links: Vec::new(),
            steps: 0,
        };
        let handle =
            Handle::on(root.as_fd()).map_err(|e| walk.stop_at(b"", Obstacle::Failure(e)))?;
        let start = walk.look_at(b"", handle)?;
        walk.trail.push(start);
        let path = asked.path;
        walk.plan(if path.is_root() { b"." } else { path.as_bytes() }, None);
        Ok(walk)
    }

    /// Walks to the end.
    pub(super) fn find(&mut self) -> Walked<Found> {
        while let Some(step) = self.ahead.pop() {
            self.steps += 1;
            self.search()?;
            if step.link.is_none() && step.name != b"." {
                self.component += 1;
            }
            match &step.name[..] {
                b"." => self.search_by_this_thread()?,
                b".." => self.go_up(step.link)?,
                name => {
                    if let Some(found) = self.go_down(name)? {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(self.trail.pop().expect("the root is never left, and found at most once"))
    }

    /// What stops the client at `found`, where the walk has ended.
    pub(super) fn stop_at_end(&self, found: &Found, obstacle: Obstacle) -> Box<Stop> {
        self.stop(self.path_of(&found.name), Some(&found.metadata), obstacle)
    }

    /// Why the client lacks that right to `found`.
    pub(super) fn denial(&self, found: &Found, right: Right) -> Obstacle {
        match permissions::denial(&found.permissions, self.asked.client, right) {
            _ if !found.is_judged => Obstacle::Unknowable(ELSEWHERE.to_owned()),
            Some(denial) => Obstacle::Denied(denial),
            None => Obstacle::Unexplained,
        }
    }

    /// Puts the components of `text` before those still to come.
    fn plan(&mut self, text: &[u8], link: Option<usize>) {
        let components = text.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        self.ahead.extend(components.rev().map(|name| Step { name: name.to_vec(), link }));
    }

    fn here(&self) -> &Found {
        self.trail.last().expect("the root is never left")
    }

    /// Whether the client may look up names here.
    fn search(&self) -> Walked<()> {
        let here = self.here();
        let is_denied = match self.decider {
            Decider::Judge => !self.judge.lets(self.asked.client, Right::Search, &here.permissions),
            Decider::System => {
                here.handle.below(b".").is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
            }
        };
        if is_denied {
            return Err(self.stop_here(self.denial(here, Right::Search)));
        }
        Ok(())
    }

    /// For a name the system asks this process for its own right to search; here nobody else does.
    fn search_by_this_thread(&self) -> Walked<()> {
        let searched = self.here().handle.below(b".");
        searched.map(drop).map_err(|error| self.stop_here(Obstacle::Failure(error)))
    }

    fn go_up(&mut self, link: Option<usize>) -> Walked<()> {
        self.search_by_this_thread()?;
        if self.trail.len() == 1 {
            let out = Obstacle::Answer(Errno::XDEV, Reason::LinkOutOfRoot);
            return Err(match link.and_then(|link| self.links.get(link)) {
                Some((path, metadata)) => self.stop(path.clone(), Some(metadata), out),
                None => self.stop_here(out),
            });
        }
        self.trail.pop();
        Ok(())
    }

    /// Goes on to `name`; returns it if it is the end and no directory to stand in.
    fn go_down(&mut self, name: &[u8]) -> Walked<Option<Found>> {
        let is_last = self.ahead.is_empty();
        let below = self.here().handle.below(name).map_err(|error| match error.kind() {
            // This process may not search the directory.
            io::ErrorKind::PermissionDenied => self.stop_here(Obstacle::Failure(error)),
            _ => self.stop_at(name, Obstacle::Failure(error)),
        })?;
        let found = self.look_at(name, below)?;
        match found.metadata.kind {
            FileKind::Link if is_last && self.final_link == FinalLink::Itself => Ok(Some(found)),
            FileKind::Link => self.follow(&found, is_last).map(|()| None),
            FileKind::Directory => self.enter(found).map(|()| None),
            _ if is_last && !self.ends_in_directory => Ok(Some(found)),
            _ => {
                let no_directory = Obstacle::Answer(Errno::NOTDIR, Reason::NotADirectory);
                Err(self.stop_at_end(&found, no_directory))
            }
        }
    }

    fn enter(&mut self, directory: Found) -> Walked<()> {
        if self.trail.len() > MAX_DEPTH {
            return Err(self.stop_at_end(&directory, Obstacle::TooDeep(MAX_DEPTH)));
        }
        self.trail.push(directory);
        Ok(())
    }

    /// Goes on with the text of a link, from the directory that it lies in.
    fn follow(&mut self, link: &Found, is_last: bool) -> Walked<()> {
        let stop = |walk: &Self, obstacle| Err(walk.stop_at_end(link, obstacle));
        let not_followed = |errno| Obstacle::Answer(errno, Reason::LinkNotFollowed);
        self.links.push((self.path_of(&link.name), link.metadata.clone()));
        if self.links.len() > MAX_LINKS {
            return stop(self, not_followed(Errno::LOOP));
        }
        let here = &self.here().permissions;
        if is_last && !self.judge.lets_follow(self.asked.client, &link.permissions, here) {
            return stop(self, Obstacle::StrangersLink);
        }
        if !self.rules.follow_links {
            return stop(self, not_followed(Errno::LOOP));
        }
        let text = match link.handle.target() {
            Ok(text) => text,
            Err(error) => return stop(self, Obstacle::Failure(error)),
        };
        if text.first() == Some(&b'/') {
            return stop(self, Obstacle::Answer(Errno::XDEV, Reason::LinkOutOfRoot));
        }
        if text.is_empty() {
            return stop(self, Obstacle::Answer(Errno::NOENT, Reason::Missing));
        }
        self.ends_in_directory |= is_last && text.last() == Some(&b'/');
        self.plan(&text, Some(self.links.len() - 1));
        if self.steps + self.ahead.len() > MAX_STEPS {
            return stop(self, not_followed(Errno::LOOP));
        }
        Ok(())
    }

    /// What decides about a file, if that is known for all of its file system.
    fn look_at(&self, name: &[u8], handle: Handle) -> Walked<Found> {
        let unknown = |error: io::Error| {
            self.stop_at(
                name,
                match error.kind() {
                    io::ErrorKind::ResourceBusy => Obstacle::Failure(error),
                    _ => Obstacle::Unknowable(error.to_string()),
                },
            )
        };
        let look = handle.look().map_err(unknown)?;
        let metadata = &look.metadata;
        let stop = |obstacle| Err(self.stop(self.path_of(name), Some(metadata), obstacle));
        let unknowable = |why: &str| stop(Obstacle::Unknowable(why.to_owned()));
        let before = self.trail.last();
        let mut is_judged = before.is_none_or(|directory| directory.is_judged);
        if before.is_none_or(|directory| directory.metadata.device != metadata.device) {
            if before.is_some() && !self.rules.cross_mounts {
                return stop(Obstacle::Answer(Errno::XDEV, Reason::OtherMount));
            }
            is_judged = match handle.file_system().map_err(unknown)? {
                FileSystem::JudgesByMode => true,
                FileSystem::MadeUp => return stop(Obstacle::MadeUp),
                FileSystem::Unknown if self.decider == Decider::System => false,
                FileSystem::Unknown => return unknowable(ELSEWHERE),
            };
        }
        let permissions = match Permissions::of(&look) {
            Ok(permissions) => permissions,
            Err(why) => return unknowable(why),
        };
        let component = self.component;
        let (name, metadata) = (name.to_vec(), look.metadata);
        Ok(Found { name, handle, permissions, metadata, component, is_judged })
    }

    fn stop_here(&self, obstacle: Obstacle) -> Box<Stop> {
        let here = self.here();
        let mut stop = self.stop(self.path(), Some(&here.metadata), obstacle);
        stop.finding.component = here.component;
        stop
    }

    fn stop_at(&self, name: &[u8], obstacle: Obstacle) -> Box<Stop> {
        self.stop(self.path_of(name), None, obstacle)
    }

    fn stop(&self, at: Vec<u8>, metadata: Option<&Metadata>, obstacle: Obstacle) -> Box<Stop> {
        let (error, reason) = self.asked.tell(obstacle);
        let finding = Finding::new(self.component, at, reason).with_metadata(metadata.cloned());
        Box::new(Stop { error, finding })
    }

    /// Where the walk stands, from the root.
    fn path(&self) -> Vec<u8> {
        let names = self.trail.iter().map(|directory| &directory.name[..]);
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(&b'/')
    }

    /// What has that name where the walk stands.
    fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path();
        if !path.is_empty() && !name.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        path
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
