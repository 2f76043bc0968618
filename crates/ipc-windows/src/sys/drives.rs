//! The drives of this machine. Source: the documentation of `GetLogicalDrives`, `GetDriveTypeW`.
#![allow(unsafe_code, reason = "calls that the standard library does not have")]

use std::io;

use windows_sys::Win32::Storage::FileSystem::{GetDriveTypeW, GetLogicalDrives};
use windows_sys::Win32::System::WindowsProgramming::{DRIVE_FIXED, DRIVE_RAMDISK};

/// The letters of the drives that belong to this machine: none of a network's, and none that is
/// taken out, which holding it open would prevent.
pub(crate) fn fixed() -> io::Result<Vec<char>> {
    // SAFETY: takes nothing and answers with a number.
    let all = unsafe { GetLogicalDrives() };
    if all == 0 {
        return Err(io::Error::last_os_error());
    }
    let letters = ('A'..='Z').enumerate().filter(|(bit, _)| (all >> bit) & 1 == 1);
    Ok(letters.map(|(_, letter)| letter).filter(|letter| is_fixed(*letter)).collect())
}

fn is_fixed(letter: char) -> bool {
    let mut path = [0; 4];
    for (unit, character) in path.iter_mut().zip([letter, ':', '\\']) {
        *unit = u16::try_from(u32::from(character)).expect("a letter or a mark of ASCII");
    }
    // SAFETY: `path` is a live local that ends with a NUL and is only read.
    let kind = unsafe { GetDriveTypeW(path.as_ptr()) };
    matches!(kind, DRIVE_FIXED | DRIVE_RAMDISK)
}
