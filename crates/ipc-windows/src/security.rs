//! Who may reach an endpoint: what the system checks before a byte has moved.

use std::fmt::Write;

use ipc_core::peer::Sid;
use ipc_core::{Error, Operation, Result};

use crate::sys::security::Descriptor;
use crate::sys::token::Token;

/// Who may connect to a pipe, and who may serve it.
///
/// The owner, the system and administrators may do everything. Whomever else it
/// [allows](Self::allow) may read and write, and not create a further instance of the pipe: that
/// would be a server beside the real one. Nobody else gets in, and no logon over the network does,
/// whoever it is, unless the transport is to have
/// [remote clients](crate::PipeTransport::remote_clients). Programs that were started through such a
/// logon (WinRM, most ways of ssh) count among those: they cannot connect, and cannot serve either,
/// for a further instance would be denied to them. Binding fails then, and says so. It does not leave
/// the entry out instead: whoever asked for a pipe that nobody reaches over the network would get one
/// that is open to every such logon of its users, on this machine and from others.
///
/// The owner is whoever this process makes the owner of all it creates (the `TokenOwner` of its
/// token): its user, or `Administrators` if it is elevated. What an elevated process serves, its
/// user's own programs that are not elevated do not reach unless
/// [allowed](Self::allow_this_user), and cannot serve in any case.
///
/// # Examples
/// ```
/// use ipc_windows::{Acl, Group};
///
/// let everyone_who_sits_here = Acl::owner().allow(Group::Interactive);
/// assert_ne!(everyone_who_sits_here, Acl::default());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl(Content);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Entries {
        clients: Vec<Client>,
        remote: bool,
    },
    /// As an expert wrote it, and whether something was to be added to it, which is refused.
    Sddl {
        text: String,
        amended: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Client {
    Sid(Sid),
    ThisUser,
}

impl Acl {
    /// The owner, the system and administrators: the default.
    #[must_use]
    pub fn owner() -> Self {
        Self(Content::Entries { clients: Vec::new(), remote: false })
    }

    /// Exactly what `text` says in the security descriptor definition language, for experts. Its
    /// owner is the one that [`owner`](Self::owner) would have, unless it names one. Nothing can be
    /// added by the other methods: that is an error when it is used.
    ///
    /// To serve the pipe this process must itself be given the right to create instances.
    ///
    /// Source: Microsoft, "Security Descriptor String Format".
    #[must_use]
    pub fn sddl(text: impl Into<String>) -> Self {
        Self(Content::Sddl { text: text.into(), amended: false })
    }

    /// Lets the members of `group` connect.
    #[must_use]
    pub fn allow(self, group: Group) -> Self {
        self.allow_sid(group.sid())
    }

    /// Lets the user or the members of the group `sid` connect.
    #[must_use]
    pub fn allow_sid(self, sid: Sid) -> Self {
        self.allow_client(Client::Sid(sid))
    }

    /// Lets all programs of the user that this process runs as connect, elevated or not, restricted
    /// or not.
    #[must_use]
    pub fn allow_this_user(self) -> Self {
        self.allow_client(Client::ThisUser)
    }

    /// The same for a pipe that is to be reached over the network. A list given as text says itself
    /// whether it can be.
    pub(crate) fn for_remote_clients(mut self) -> Self {
        if let Content::Entries { remote, .. } = &mut self.0 {
            *remote = true;
        }
        self
    }

    fn allow_client(mut self, client: Client) -> Self {
        match &mut self.0 {
            Content::Entries { clients, .. } if clients.contains(&client) => {}
            Content::Entries { clients, .. } => clients.push(client),
            Content::Sddl { amended, .. } => *amended = true,
        }
        self
    }

    /// What the system takes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for what is no identifier or no descriptor, and for a list that would
    /// deny this process its own pipe; [`Error::Io`] if the system does not tell who this process is.
    pub(crate) fn descriptor(&self) -> Result<Descriptor> {
        let token = Token::of_process().map_err(unknown)?;
        let owner = token.owner().map_err(unknown)?;
        let text = match &self.0 {
            Content::Entries { clients, remote } => Entries::of(&token)?.text(clients, *remote)?,
            Content::Sddl { text, amended: false } => with_owner(text, &owner),
            Content::Sddl { amended: true, .. } => {
                return Err(invalid(
                    "a list given as text is taken as it is: write all of it there",
                ));
            }
        };
        let descriptor = Descriptor::from_sddl(&text)
            .map_err(|source| invalid(format!("`{text}` is no security descriptor: {source}")))?;
        if !descriptor.has_dacl() {
            return Err(invalid(format!("`{text}` restricts nobody: it needs a list, `D:…`")));
        }
        Ok(descriptor)
    }
}

impl Default for Acl {
    fn default() -> Self {
        Self::owner()
    }
}

/// Groups that are the same on every machine.
///
/// Source: Microsoft, "Well-known SIDs".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Group {
    /// Accounts that may log on here: `BUILTIN\Users`.
    Users,
    /// Whoever has logged on with a name, guests and anonymous logons not counted.
    AuthenticatedUsers,
    /// Whoever has logged on at this machine, over remote desktop too.
    Interactive,
    /// Programs that run as services.
    Services,
    /// Everybody but anonymous logons.
    Everyone,
}

impl Group {
    /// The identifier.
    #[must_use]
    pub fn sid(self) -> Sid {
        Sid::new(match self {
            Self::Users => "S-1-5-32-545",
            Self::AuthenticatedUsers => "S-1-5-11",
            Self::Interactive => "S-1-5-4",
            Self::Services => "S-1-5-6",
            Self::Everyone => "S-1-1-0",
        })
    }
}

/// For whom the usual list is written.
struct Entries {
    owner: Sid,
    user: Sid,
    is_administrator: bool,
    /// This process was started by a logon over the network, or through one.
    is_from_network: bool,
}

impl Entries {
    fn of(token: &Token) -> Result<Self> {
        let groups = token.groups().map_err(unknown)?;
        Ok(Self {
            owner: token.owner().map_err(unknown)?,
            user: token.user().map_err(unknown)?.sid,
            is_administrator: groups
                .iter()
                .any(|group| group.enabled && group.sid.as_str() == Sid::ADMINISTRATORS),
            is_from_network: groups
                .iter()
                .any(|group| (group.enabled || group.deny_only) && group.sid.as_str() == NETWORK),
        })
    }

    /// Whoever is denied comes first, as the system asks of lists that say both; then whoever may do
    /// everything; then whoever may connect.
    ///
    /// The owner is named by its identifier and not as "owner rights", so that the list goes on to
    /// mean the same if the pipe is given to another. Administrators are there already; beside them
    /// an owner would let in the very programs from which being elevated sets this one apart.
    fn text(&self, clients: &[Client], remote: bool) -> Result<String> {
        let owner = &self.owner;
        let mut text = format!("O:{owner}D:P");
        if !remote {
            if self.is_from_network {
                return Err(invalid(FROM_NETWORK));
            }
            text.push_str("(D;;GA;;;NU)");
        }
        text.push_str("(A;;GA;;;SY)(A;;GA;;;BA)");
        if !self.is_administrator {
            _ = write!(text, "(A;;GA;;;{owner})");
        }
        for client in clients {
            let sid = match client {
                // Checked, for it becomes part of a text in which it could say more than a name.
                Client::Sid(sid) => &sid.as_str().parse()?,
                Client::ThisUser => &self.user,
            };
            _ = write!(text, "(A;;{READ_AND_WRITE:#x};;;{sid})");
        }
        Ok(text)
    }
}

/// Source: Microsoft, "Well-known SIDs", `NETWORK`.
const NETWORK: &str = "S-1-5-2";

const FROM_NETWORK: &str = "this program was started through a logon over the network, as by ssh or \
    WinRM, and those are denied the pipe, this program's own further instances too; start it as a \
    service, by the task scheduler or where somebody sits (as a library: a list of your own, \
    `Acl::sddl`)";

fn with_owner(text: &str, owner: &Sid) -> String {
    if text.trim_start().starts_with("O:") { text.to_owned() } else { format!("O:{owner}{text}") }
}

/// What a client of a pipe needs: `FILE_GENERIC_READ | FILE_GENERIC_WRITE` without
/// `FILE_CREATE_PIPE_INSTANCE`, which is a bit of the latter and would let it serve the name.
///
/// Source: Microsoft, "Named Pipe Security and Access Rights".
pub(crate) const READ_AND_WRITE: u32 = 0x0012_019b;

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidInput { reason: reason.into() }
}

fn unknown(source: std::io::Error) -> Error {
    Error::Io { operation: Operation::Identify, at: None, source }
}

#[cfg(test)]
mod tests;
