//! Names in a directory that is held open: whatever becomes of its path, nothing is opened, made or
//! renamed elsewhere.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::AsHandle as _;

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, READ_CONTROL, WRITE_DAC,
};

use crate::files::{alone, check_name};
use crate::sys::place::{self, How};
use crate::sys::security::Descriptor;

/// Opens `name` in `directory`, for what `access` says and while others may do what `share` says, in
/// the system's own bits (`FILE_READ_ATTRIBUTES`, `FILE_SHARE_READ`). A link stands for itself.
///
/// # Errors
/// What the system said; what is no file's name is refused for its text.
pub fn open_in(directory: &File, name: &OsStr, access: u32, share: u32) -> io::Result<File> {
    open(directory, name, &How { access, share, is_new: false, is_passing: false, rights: None })
}

/// Makes the file `name` in `directory`, to read it, to write it and to change its rights. It is this
/// user's, the system's and administrators' alone from the first moment, and nobody else has it open
/// while this one has; others may rename and remove it.
///
/// # Errors
/// As [`open_in`]; of kind `AlreadyExists` if something is there.
pub fn create_in(directory: &File, name: &OsStr) -> io::Result<File> {
    let rights = Descriptor::from_sddl(&alone()?)?;
    let access = GENERIC_READ | GENERIC_WRITE | WRITE_DAC;
    let share = FILE_SHARE_DELETE;
    open(
        directory,
        name,
        &How { access, share, is_new: true, is_passing: false, rights: Some(&rights) },
    )
}

/// Makes a file `name` in `directory` with the rights that any program's would have there, to look at
/// those. It is gone when it is closed.
///
/// # Errors
/// As [`create_in`].
pub fn create_passing_in(directory: &File, name: &OsStr) -> io::Result<File> {
    let access = READ_CONTROL | DELETE;
    open(directory, name, &How { access, share: 0, is_new: true, is_passing: true, rights: None })
}

/// Takes the name `name` in `directory` away. What is open by it goes when it is closed.
///
/// # Errors
/// As [`open_in`].
pub fn remove_in(directory: &File, name: &OsStr) -> io::Result<()> {
    let how =
        How { access: DELETE, share: SHARE_ALL, is_new: false, is_passing: true, rights: None };
    open(directory, name, &how).map(drop)
}

/// Gives `file`, which was opened with the right `DELETE`, the name `name` in `directory`, in place of
/// whatever had it.
///
/// # Errors
/// As [`open_in`].
pub fn rename_in(file: &File, directory: &File, name: &OsStr) -> io::Result<()> {
    place::rename(file.as_handle(), directory.as_handle(), &native(name)?)
}

fn open(directory: &File, name: &OsStr, how: &How<'_>) -> io::Result<File> {
    place::open(directory.as_handle(), &native(name)?, how)
}

fn native(name: &OsStr) -> io::Result<Vec<u16>> {
    check_name(name).map_err(io::Error::other)?;
    Ok(name.encode_wide().collect())
}

const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
