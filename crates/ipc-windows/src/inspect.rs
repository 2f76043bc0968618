//! What can be seen of a pipe from outside: whether somebody serves it and who, and who may reach it.

use std::io;
use std::os::windows::io::{AsHandle as _, OwnedHandle};

use ipc_core::inspect::{Guard, Place, Role, Server, State};
use ipc_core::peer::Assurance;
use ipc_core::{ConnectOptions, Endpoint, ImpersonationLevel, Peer, Result};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY};

use crate::sys::file_rights::Rights;
use crate::sys::name;
use crate::sys::pipe;
use crate::sys::security::owner_of;
use crate::{address, connect, sys};

pub(crate) mod words;

/// The place at which a client looks for `endpoint`.
///
/// # Blocking
/// Opening a pipe of another machine takes as long as the network does.
pub(crate) fn inspect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Vec<Place>> {
    let name = address::to_connect(endpoint)?;
    let mut place = Place::new(name.to_text(), State::Missing);
    // Nobody learns who this process is by that.
    match name::open(&name, ImpersonationLevel::Anonymous) {
        Ok(pipe) => see(&mut place, &pipe, endpoint, options)?,
        Err(error) => place.state = state(&mut place, &error),
    }
    Ok(vec![place])
}

/// What there is where the pipe does not open.
fn state(place: &mut Place, error: &io::Error) -> State {
    match sys::code(error) {
        ERROR_PIPE_BUSY => State::Busy,
        ERROR_ACCESS_DENIED => {
            let mut guard = Guard::new(Role::Endpoint, place.name.clone());
            let text = "its access control list does not let you in, nor see the list";
            guard.note = Some(text.to_owned());
            place.guards.push(guard);
            State::Closed { guard: 0, denial: None }
        }
        code if connect::is_nobody(code) => State::Missing,
        _ => State::Unknown { why: error.to_string() },
    }
}

fn see(
    place: &mut Place,
    pipe: &OwnedHandle,
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<()> {
    let pipe = pipe.as_handle();
    place.state = match pipe::mode_of(pipe) {
        Ok(mode) if mode == options.mode => State::Live,
        Ok(_) => State::OtherMode,
        Err(error) => State::Unknown { why: error.to_string() },
    };
    let mut guard = Guard::new(Role::Endpoint, place.name.clone());
    guard.sid = owner_of(pipe).ok();
    if let Ok(rights) = Rights::of(pipe) {
        guard.entries = words::entries(rights.as_text());
        let refuses = guard.entries.iter().any(|entry| entry.starts_with(words::NO_NETWORK));
        place.notes.push(if refuses { FROM_HERE_ONLY } else { PERHAPS_FROM_ELSEWHERE }.to_owned());
    }
    if let Ok((now, most)) = pipe::instances(pipe) {
        let most = if most >= UNLIMITED { "any number".to_owned() } else { most.to_string() };
        place.notes.push(format!("{now} instances, of at most {most}"));
    }
    place.guards.push(guard);
    let peer = connect::server(endpoint, pipe);
    let distrust = connect::distrust(options, &peer)?;
    let peer = peer.unwrap_or_else(|_| Peer::new(None, Assurance::None));
    place.server = Some(Server::new(peer, distrust));
    Ok(())
}

const FROM_HERE_ONLY: &str = "its list refuses clients of other machines";
const PERHAPS_FROM_ELSEWHERE: &str =
    "whether clients of other machines are refused is not told: its list does not";

/// Source: Win32 `PIPE_UNLIMITED_INSTANCES`.
const UNLIMITED: u32 = 255;
