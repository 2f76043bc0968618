//! What can be seen of an endpoint from outside: where its socket would be, what protects it, whether
//! somebody listens there, and who.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipc_core::files::{Denial, FileKind, Right};
use ipc_core::inspect::{Guard, Place, Role, Server, State};
use ipc_core::peer::{Assurance, UnixIdentity};
use ipc_core::{ConnectOptions, Endpoint, Error, Identity, Operation, Peer, Result};

use crate::address::{Address, Candidate};
use crate::connect::distrust;
use crate::listener::lock_beside;
use crate::sys::Errno;
use crate::sys::directory;
use crate::sys::files;
use crate::sys::handle::Handle;
use crate::sys::look::Look;
use crate::sys::socket::{self, Kind};
use crate::{check, identity};

/// Each place at which a client looks for `endpoint`, in that order.
pub(crate) fn inspect(
    endpoint: &Endpoint,
    kind: Kind,
    options: &ConnectOptions,
) -> Result<Vec<Place>> {
    let own = identity::this_process()?;
    let observer = Observer { endpoint, kind, options, own };
    Address::to_connect(endpoint)?.iter().map(|candidate| observer.place(candidate)).collect()
}

/// Who looks, and for what.
struct Observer<'a> {
    endpoint: &'a Endpoint,
    kind: Kind,
    options: &'a ConnectOptions,
    own: Peer,
}

impl Observer<'_> {
    fn place(&self, candidate: &Candidate) -> Result<Place> {
        let (mut place, seen) = match &candidate.address {
            Address::Path(path) => self.look_at(path),
            Address::Abstract(name) => {
                let mut place = Place::new(format!("@{name}"), State::Live);
                place.warnings.push("an abstract name is whose who takes it first".to_owned());
                (place, None)
            }
        };
        if let Some(directory) = &candidate.directory {
            // What else keeps this process out of it is seen on the way.
            if let Err(Error::EndpointUnsafe { reason, .. }) =
                directory.check(self.endpoint, Operation::Connect)
            {
                place.fault = Some(reason);
            }
        }
        if place.state == State::Live {
            self.knock(&candidate.address, &mut place, seen.as_ref())?;
        }
        Ok(place)
    }

    /// What is seen of a socket's file and of the way to it. What may be a socket counts as live.
    fn look_at(&self, path: &Path) -> (Place, Option<Look>) {
        let mut place = Place::new(path.display().to_string(), State::Missing);
        for directory in ancestors(path) {
            let found = match fs::metadata(&directory) {
                Ok(found) => found,
                Err(error) => {
                    self.end_before(&mut place, &error);
                    return (place, None);
                }
            };
            let look = handle_on(&directory).and_then(|directory| directory.look());
            let guard = guard(Role::Directory, &directory, &found, look.ok().as_ref());
            place.guards.push(guard);
        }
        let directory = place.guards.last().cloned();
        let seen = match fs::symlink_metadata(path) {
            Ok(found) => self.look_at_socket(&mut place, path, &found),
            Err(error) => {
                self.end_before(&mut place, &error);
                None
            }
        };
        if let Some(directory) = directory {
            self.warn_of_directory(&mut place, &directory);
        }
        place.guards.extend(lock(path));
        (place, seen)
    }

    fn look_at_socket(&self, place: &mut Place, path: &Path, found: &fs::Metadata) -> Option<Look> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let name = path.file_name().unwrap_or_default();
        let look = handle_on(parent)
            .and_then(|parent| parent.below(name.as_encoded_bytes()))
            .and_then(|socket| socket.look())
            .ok();
        let mut guard = guard(Role::Endpoint, path, found, look.as_ref());
        place.state = if found.file_type().is_symlink() {
            let target = fs::read_link(path).unwrap_or_default();
            guard.note = Some(format!("a link to {}", target.display()));
            match fs::metadata(path) {
                Ok(found) if found.file_type().is_socket() => State::Live,
                Ok(_) => State::NotAnEndpoint,
                Err(error) if error.kind() == io::ErrorKind::NotFound => State::DanglingLink,
                Err(error) => State::Unknown { why: error.to_string() },
            }
        } else if found.file_type().is_socket() {
            State::Live
        } else {
            State::NotAnEndpoint
        };
        if !self.takes_for_server(found.uid()) {
            place.warnings.push(format!(
                "`{}` belongs to uid {}, whom this client does not take for its server",
                path.display(),
                found.uid()
            ));
        }
        place.guards.push(guard);
        look
    }

    /// The next name on the way could not be looked at.
    fn end_before(&self, place: &mut Place, error: &io::Error) {
        place.state = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => State::Missing,
            io::ErrorKind::PermissionDenied => match place.guards.len().checked_sub(1) {
                Some(guard) => {
                    let directory = Path::new(&place.guards[guard].name);
                    let look = handle_on(directory).and_then(|directory| directory.look());
                    let denial = look.ok().and_then(|look| self.denial(&look, Right::Search));
                    State::Closed { guard, denial }
                }
                None => State::Unknown { why: error.to_string() },
            },
            _ => State::Unknown { why: error.to_string() },
        };
    }

    /// Connects, to see whether somebody listens and who, and leaves.
    fn knock(&self, address: &Address, place: &mut Place, seen: Option<&Look>) -> Result<()> {
        let to = address.to_system(self.endpoint, Operation::Connect)?;
        let failed = |error: Errno| Error::io(Operation::Connect, self.endpoint, error.into());
        let socket = Arc::new(socket::socket(self.kind).map_err(failed)?);
        place.state = match socket::connect_at_once(socket.as_fd(), &to) {
            Ok(()) => State::Live,
            Err(Errno::AGAIN) => State::Busy,
            Err(Errno::CONNREFUSED) if place.guards.is_empty() => State::Missing,
            Err(Errno::CONNREFUSED) => State::Stale,
            Err(Errno::NOENT) => State::Missing,
            Err(Errno::PROTOTYPE) => State::OtherMode,
            Err(error @ (Errno::ACCESS | Errno::PERM)) => {
                let guard = place.guards.iter().position(|guard| guard.role == Role::Endpoint);
                match guard {
                    Some(guard) => {
                        let denial = seen.and_then(|seen| self.denial(seen, Right::Write));
                        State::Closed { guard, denial }
                    }
                    None => State::Unknown { why: error.to_string() },
                }
            }
            Err(error) => State::Unknown { why: error.to_string() },
        };
        if place.state == State::Live {
            let peer = identity::peer_of(&socket);
            let distrust = distrust(self.options, &peer)?;
            let peer =
                peer.map_or_else(|_| Peer::new(None, Assurance::None), |peer| peer.peer().clone());
            place.server = Some(Server::new(peer, distrust));
        }
        Ok(())
    }

    /// Whoever may write the directory may replace what lies in it, unless it is sticky; and may put
    /// something there while nothing does.
    fn warn_of_directory(&self, place: &mut Place, directory: &Guard) {
        let Guard { name, mode: Some(mode), owner: Some((uid, gid)), .. } = directory else {
            return;
        };
        let could = match (mode & 0o1000 == 0, &place.state) {
            (true, _) => "could replace the socket",
            (false, State::Missing) => "could put a socket there first",
            _ => "",
        };
        let who = if *uid != ROOT && !self.takes_for_server(*uid) {
            format!("its owner, uid {uid},")
        } else if could.is_empty() {
            return;
        } else if mode & 0o002 != 0 {
            "everybody".to_owned()
        } else if mode & 0o020 != 0 && !self.is_of_own_group(*gid) {
            format!("whoever is in its group, {gid}")
        } else {
            return;
        };
        let could = if could.is_empty() { "could replace the socket" } else { could };
        place.warnings.push(format!("the directory `{name}` has mode {mode:04o}: {who} {could}"));
    }

    /// Whether this client would take a server of that user's for its own, groups apart.
    fn takes_for_server(&self, uid: u32) -> bool {
        let ids = UnixIdentity { uid, gid: u32::MAX, groups: None };
        let owner = Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel);
        self.options.server.decide(&owner, &self.own).is_ok()
    }

    fn is_of_own_group(&self, gid: u32) -> bool {
        let ids = self.own.identity().and_then(Identity::as_unix);
        ids.is_some_and(|ids| ids.gid == gid)
    }

    fn denial(&self, look: &Look, right: Right) -> Option<Denial> {
        let ids = self.own.identity().and_then(Identity::as_unix)?;
        check::denial(look, ids, right)
    }
}

/// Who may do anything anyway. Source: credentials(7).
const ROOT: u32 = 0;

/// The directories on the way to `path`, which is absolute, from the top.
fn ancestors(path: &Path) -> Vec<PathBuf> {
    let mut ancestors: Vec<_> = path.ancestors().skip(1).map(Path::to_owned).collect();
    ancestors.reverse();
    ancestors
}

fn handle_on(directory: &Path) -> io::Result<Handle> {
    Handle::on(files::open_directory(directory)?.as_fd())
}

fn guard(role: Role, path: &Path, found: &fs::Metadata, look: Option<&Look>) -> Guard {
    let mut guard = Guard::new(role, path.display().to_string());
    guard.kind = Some(kind_of(found.file_type()));
    guard.mode = Some(found.mode() & 0o7777);
    guard.owner = Some((found.uid(), found.gid()));
    guard.entries = look.map(check::entries).unwrap_or_default();
    guard
}

fn kind_of(kind: fs::FileType) -> FileKind {
    match kind {
        _ if kind.is_file() => FileKind::Regular,
        _ if kind.is_dir() => FileKind::Directory,
        _ if kind.is_symlink() => FileKind::Link,
        _ if kind.is_fifo() => FileKind::Fifo,
        _ if kind.is_socket() => FileKind::Socket,
        _ => FileKind::Device,
    }
}

/// The lock beside the socket, and who says to hold it, if this process may read that.
fn lock(path: &Path) -> Option<Guard> {
    let beside = lock_beside(path);
    let found = fs::symlink_metadata(&beside).ok()?;
    let mut guard = guard(Role::Lock, &beside, &found, None);
    let parent = directory::open_directory(beside.parent()?, true).ok()?;
    let text = directory::open_to_read(parent.as_fd(), Path::new(beside.file_name()?))
        .and_then(|file| directory::read_small(file.as_fd()));
    let pid = text.ok().and_then(|text| String::from_utf8(text).ok()?.trim_end().parse().ok());
    guard.note = pid.map(|pid: u32| match directory::process_exists(pid) {
        true => format!("names process {pid}"),
        false => format!("names process {pid}, which has ended"),
    });
    Some(guard)
}
