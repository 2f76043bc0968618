//! What programs need to know of their own files, beyond the standard library.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::io::AsHandle as _;
use std::path::PathBuf;

use ipc_core::files::{Escaped, Metadata};
use ipc_core::peer::Sid;
use ipc_core::{Error, Result};

use crate::root::names;
use crate::sys::file_rights::{self, Rights};
use crate::sys::files;
use crate::sys::security::owner_of;
use crate::sys::token::Token;

/// The metadata of an opened file. What is on no disk has none but its kind.
///
/// # Errors
/// What the system said.
pub fn metadata(file: &File) -> io::Result<Metadata> {
    files::metadata(file.as_handle())
}

/// The path of an opened file as it is now, without links in it: as [`std::fs::canonicalize`] would
/// give it.
///
/// # Errors
/// What the system said.
pub fn final_path(file: &File) -> io::Result<PathBuf> {
    files::final_path(file.as_handle()).map(|path| OsString::from_wide(&path).into())
}

/// How many names an opened file has.
///
/// # Errors
/// What the system said.
pub fn links(file: &File) -> io::Result<u32> {
    files::links(file.as_handle())
}

/// Checks that `name` can be a file's or directory's below any directory, and nothing else: no
/// device's (`nul.txt`), no stream's (`a:b`), none that the system would read as another.
///
/// # Errors
/// [`Error::InvalidInput`], which says why not.
pub fn check_name(name: &OsStr) -> Result<()> {
    let checked = name.to_str().ok_or(names::Fault::NoUnicode).and_then(names::check);
    checked.map_err(|fault| {
        let name = Escaped(name.as_encoded_bytes());
        Error::InvalidInput { reason: format!("the name `{name}` {fault}") }
    })
}

/// Whether some version of Windows takes `name` for a device, in whatever directory.
#[must_use]
pub fn is_device_name(name: &OsStr) -> bool {
    name.to_str().is_some_and(names::is_device)
}

/// Whose a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// The user that this process runs as, or whoever is made the owner of what this process makes.
    /// Everybody, where the file system keeps no rights.
    ThisUser,
    /// The system, or administrators.
    System(Sid),
    /// Somebody else.
    Other(Sid),
}

/// Whose an opened file is. It takes the right `READ_CONTROL`, which reading includes.
///
/// # Errors
/// What the system said.
pub fn owner(file: &File) -> io::Result<Owner> {
    let (owner, own) = (owner_of(file.as_handle())?, Token::of_process()?);
    let is_ours = owner == own.user()?.sid || owner == own.owner()?;
    Ok(if is_ours || Rights::of(file.as_handle())?.are_none() {
        Owner::ThisUser
    } else if SYSTEM.contains(&owner.as_str()) {
        Owner::System(owner)
    } else {
        Owner::Other(owner)
    })
}

/// `true` if others than this user, the system and administrators may change the content of an opened
/// file. Where the file system keeps no rights this is nobody, as far as that can be said.
///
/// # Errors
/// What the system said.
pub fn others_may_write(file: &File) -> io::Result<bool> {
    let own = Token::of_process()?;
    let trusted = [own.user()?.sid, own.owner()?];
    let is_trusted = |sid: &Sid| {
        trusted.contains(sid) || SYSTEM.contains(&sid.as_str()) || sid.as_str() == OWNER
    };
    Ok(match file_rights::writers(file.as_handle())? {
        Some(writers) => !writers.iter().all(is_trusted),
        None => !Rights::of(file.as_handle())?.are_none(),
    })
}

/// Makes a file, which is opened to change its rights, this user's, the system's and administrators'
/// alone.
///
/// # Errors
/// What the system said.
pub fn leave_alone(file: &File) -> io::Result<()> {
    Rights::from_sddl(&alone()?)?.set(file.as_handle())
}

/// Gives `to` the rights that `from` has, and with them what its directory gives it, where `from` has
/// that.
///
/// # Errors
/// What the system said.
pub fn copy_rights(from: &File, to: &File) -> io::Result<()> {
    let rights = Rights::of(from.as_handle())?;
    if rights.are_none() { Ok(()) } else { rights.set(to.as_handle()) }
}

/// This user, the system and administrators, as the system's language of rights says it.
pub(crate) fn alone() -> io::Result<String> {
    let user = Token::of_process()?.user()?.sid;
    Ok(format!("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;{user})"))
}

/// The system, administrators, and the service that owns the files of Windows itself, which can change
/// everything anyway. Source: Microsoft, "Well-known SIDs", "Service SIDs".
const SYSTEM: [&str; 3] = [
    Sid::SYSTEM,
    Sid::ADMINISTRATORS,
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
];

/// Whoever owns the file. Source: Microsoft, "Well-known SIDs", `OWNER RIGHTS`.
const OWNER: &str = "S-1-3-4";
