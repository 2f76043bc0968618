//! What a token says about whom it stands for.
#![allow(unsafe_code, reason = "the system answers with untyped memory full of pointers")]

use std::collections::HashSet;
use std::ffi::c_void;
use std::{io, ptr, slice};

use ipc_core::ImpersonationLevel;
use ipc_core::peer::{Sid, WindowsGroup};
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_DATA, LUID};
use windows_sys::Win32::Security::{
    GetSidSubAuthority, GetSidSubAuthorityCount, GetTokenInformation, SID_AND_ATTRIBUTES,
    TOKEN_APPCONTAINER_INFORMATION, TOKEN_ELEVATION, TOKEN_GROUPS, TOKEN_INFORMATION_CLASS,
    TOKEN_MANDATORY_LABEL, TOKEN_OWNER, TOKEN_STATISTICS, TOKEN_USER, TokenAppContainerSid,
    TokenElevation, TokenGroups, TokenImpersonation, TokenIntegrityLevel, TokenOwner,
    TokenRestrictedSids, TokenSessionId, TokenStatistics, TokenUser,
};
use windows_sys::Win32::System::SystemServices::{SE_GROUP_ENABLED, SE_GROUP_USE_FOR_DENY_ONLY};

use super::security::sid_text;
use super::token::{Token, level_from_raw};
use super::{check, error, is};

/// A token's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) sid: Sid,
    /// It counts only where it denies.
    pub(crate) deny_only: bool,
}

/// What tells one token from another, and how far it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// This very token.
    pub(crate) token: u64,
    /// The logon session.
    pub(crate) logon: u64,
    /// How far a thread that carries it may act; `None` for a process's own.
    pub(crate) level: Option<ImpersonationLevel>,
}

/// What limits a token beyond its user and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    restricting: HashSet<Sid>,
    container: Option<Sid>,
}

impl Token {
    /// See [`Statistics`].
    pub(crate) fn statistics(&self) -> io::Result<Statistics> {
        let mut found = TOKEN_STATISTICS::default();
        // SAFETY: TOKEN_STATISTICS holds numbers only.
        unsafe { self.ask_fixed(TokenStatistics, &mut found) }?;
        let level = if found.TokenType == TokenImpersonation {
            let level = level_from_raw(found.ImpersonationLevel);
            Some(level.ok_or_else(|| error(ERROR_INVALID_DATA))?)
        } else {
            None
        };
        let (token, logon) = (number(found.TokenId), number(found.AuthenticationId));
        Ok(Statistics { token, logon, level })
    }

    /// The user.
    pub(crate) fn user(&self) -> io::Result<User> {
        let answer = self.ask(TokenUser)?;
        // SAFETY: the class TokenUser answers with a TOKEN_USER.
        let user = unsafe { answer.head::<TOKEN_USER>() }?.User;
        // SAFETY: the pointer leads into `answer`, which lives until the end, to a valid SID.
        let sid = unsafe { sid_text(user.Sid) }?;
        Ok(User { sid, deny_only: has(user.Attributes, SE_GROUP_USE_FOR_DENY_ONLY) })
    }

    /// Who becomes the owner of what is made with this token.
    pub(crate) fn owner(&self) -> io::Result<Sid> {
        let answer = self.ask(TokenOwner)?;
        // SAFETY: the class TokenOwner answers with a TOKEN_OWNER.
        let owner = unsafe { answer.head::<TOKEN_OWNER>() }?.Owner;
        // SAFETY: the pointer leads into `answer`, which lives until the end, to a valid SID.
        unsafe { sid_text(owner) }
    }

    /// The groups.
    pub(crate) fn groups(&self) -> io::Result<Vec<WindowsGroup>> {
        let answer = self.ask(TokenGroups)?;
        // SAFETY: the class TokenGroups answers with a TOKEN_GROUPS.
        let groups = unsafe { answer.groups() }?;
        groups
            .iter()
            .map(|group| {
                Ok(WindowsGroup {
                    // SAFETY: the pointer leads into `answer`, which lives until the end, to a
                    // valid SID.
                    sid: unsafe { sid_text(group.Sid) }?,
                    enabled: has(group.Attributes, SE_GROUP_ENABLED),
                    deny_only: has(group.Attributes, SE_GROUP_USE_FOR_DENY_ONLY),
                })
            })
            .collect()
    }

    /// What limits it beyond its user and groups: the identifiers one of which must allow everything as
    /// well, and the app container that it lives in.
    pub(crate) fn limits(&self) -> io::Result<Limits> {
        let restricting = self.ask(TokenRestrictedSids)?;
        // SAFETY: the class TokenRestrictedSids answers with a TOKEN_GROUPS.
        let restricting = unsafe { restricting.groups() }?
            .iter()
            // SAFETY: the pointer leads into `restricting`, which lives until the end, to a valid SID.
            .map(|sid| unsafe { sid_text(sid.Sid) })
            .collect::<io::Result<_>>()?;
        let container = self.ask(TokenAppContainerSid)?;
        // SAFETY: the class TokenAppContainerSid answers with such a structure.
        let sid = unsafe { container.head::<TOKEN_APPCONTAINER_INFORMATION>() }?.TokenAppContainer;
        let container = match sid.is_null() {
            true => None,
            // SAFETY: the pointer leads into `container`, which lives until the end, to a valid SID.
            false => Some(unsafe { sid_text(sid) }?),
        };
        Ok(Limits { restricting, container })
    }

    /// The integrity level's relative id.
    pub(crate) fn integrity(&self) -> io::Result<u32> {
        let answer = self.ask(TokenIntegrityLevel)?;
        // SAFETY: the class TokenIntegrityLevel answers with a TOKEN_MANDATORY_LABEL.
        let label = unsafe { answer.head::<TOKEN_MANDATORY_LABEL>() }?.Label.Sid;
        // SAFETY: the pointer leads into `answer`, which lives until the end, to a valid SID, in
        // which the system answers with a pointer to its count of numbers.
        let count = unsafe { GetSidSubAuthorityCount(label) };
        // SAFETY: the count is within that SID.
        let count = u32::from(unsafe { count.read() });
        let last = count.checked_sub(1).ok_or_else(|| error(ERROR_INVALID_DATA))?;
        // SAFETY: the SID is valid, as above, and `last` is the index of one of its numbers.
        let last = unsafe { GetSidSubAuthority(label, last) };
        // SAFETY: the number is within that SID, aligned as it says.
        Ok(unsafe { last.read() })
    }

    /// The terminal session.
    pub(crate) fn session(&self) -> io::Result<u32> {
        let mut session = 0_u32;
        // SAFETY: the class TokenSessionId answers with a number of 32 bits.
        unsafe { self.ask_fixed(TokenSessionId, &mut session) }?;
        Ok(session)
    }

    /// Whether the token is elevated.
    pub(crate) fn is_elevated(&self) -> io::Result<bool> {
        let mut elevation = TOKEN_ELEVATION::default();
        // SAFETY: the class TokenElevation answers with a TOKEN_ELEVATION, which is a number.
        unsafe { self.ask_fixed(TokenElevation, &mut elevation) }?;
        Ok(elevation.TokenIsElevated != 0)
    }

    /// # Safety
    /// `class` is answered with a `T`, for which any bytes are valid.
    unsafe fn ask_fixed<T>(&self, class: TOKEN_INFORMATION_CLASS, into: &mut T) -> io::Result<()> {
        let length = u32::try_from(size_of::<T>()).map_err(io::Error::other)?;
        let mut answered = 0;
        // SAFETY: the handle is `self`'s own; `into` is valid for writes of `length` bytes and
        // takes any, by this function's promise; the length is a live local.
        check(unsafe {
            GetTokenInformation(
                self.as_raw(),
                class,
                ptr::from_mut(into).cast(),
                length,
                &raw mut answered,
            )
        })?;
        if answered == length { Ok(()) } else { Err(error(ERROR_INVALID_DATA)) }
    }

    /// Asks for what has no fixed length. A token's groups are fixed, so the length that the system
    /// asks for is right the next time.
    fn ask(&self, class: TOKEN_INFORMATION_CLASS) -> io::Result<Answer> {
        let mut words = vec![0_u64; 64];
        loop {
            let (mut answered, room) = (0, words.len() * size_of::<u64>());
            let length = u32::try_from(room).map_err(io::Error::other)?;
            // SAFETY: the handle is `self`'s own; `words` is this function's and has `length`
            // bytes; the length answered is a live local.
            let done = check(unsafe {
                GetTokenInformation(
                    self.as_raw(),
                    class,
                    words.as_mut_ptr().cast::<c_void>(),
                    length,
                    &raw mut answered,
                )
            });
            match done {
                Ok(()) => return Ok(Answer { words, length: to_usize(answered)?.min(room) }),
                Err(error) if is(&error, ERROR_INSUFFICIENT_BUFFER) && answered > length => {
                    words = vec![0; to_usize(answered)?.div_ceil(size_of::<u64>())];
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What the system has answered: a structure whose pointers lead into the same memory.
struct Answer {
    /// In words, for the alignment of what is in it.
    words: Vec<u64>,
    /// In bytes.
    length: usize,
}

impl Answer {
    /// # Safety
    /// The answer begins with a `T`.
    unsafe fn head<T>(&self) -> io::Result<&T> {
        if self.length < size_of::<T>() {
            return Err(error(ERROR_INVALID_DATA));
        }
        // SAFETY: the memory is aligned for `T`, whose alignment is that of a word at most, has its
        // bytes, by the check above, and holds one, by this function's promise.
        Ok(unsafe { &*self.words.as_ptr().cast::<T>() })
    }

    /// # Safety
    /// The answer is a TOKEN_GROUPS.
    unsafe fn groups(&self) -> io::Result<&[SID_AND_ATTRIBUTES]> {
        const FIRST: usize = std::mem::offset_of!(TOKEN_GROUPS, Groups);
        // SAFETY: the answer begins with the count.
        let count = to_usize(*unsafe { self.head::<u32>() }?)?;
        if count == 0 {
            return Ok(&[]);
        }
        let end =
            count.checked_mul(size_of::<SID_AND_ATTRIBUTES>()).and_then(|n| n.checked_add(FIRST));
        if end.is_none_or(|end| end > self.length) {
            return Err(error(ERROR_INVALID_DATA));
        }
        // SAFETY: the offset is within the memory, by the check above.
        let first = unsafe { self.words.as_ptr().cast::<u8>().add(FIRST) };
        // SAFETY: `first` has the alignment of the field that it is, `count` entries from there are
        // within the memory, by the check above, and the system has filled them.
        Ok(unsafe { slice::from_raw_parts(first.cast(), count) })
    }
}

fn has(attributes: u32, flag: i32) -> bool {
    attributes & flag as u32 != 0
}

fn number(id: LUID) -> u64 {
    (u64::from(id.HighPart as u32) << 32) | u64::from(id.LowPart)
}

fn to_usize(length: u32) -> io::Result<usize> {
    usize::try_from(length).map_err(io::Error::other)
}
