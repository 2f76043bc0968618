//! Access tokens: of this process, of this thread, and of a pipe's client.
#![allow(unsafe_code, reason = "tokens are handles, and a thread's identity is the system's")]

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use ipc_core::ImpersonationLevel;
use windows_sys::Win32::Foundation::{ERROR_NO_TOKEN, HANDLE};
use windows_sys::Win32::Security::{
    DuplicateTokenEx, PRIVILEGE_SET, PrivilegeCheck, RevertToSelf, SECURITY_IMPERSONATION_LEVEL,
    SecurityAnonymous, SecurityDelegation, SecurityIdentification, SecurityImpersonation,
    TOKEN_ACCESS_MASK, TOKEN_DUPLICATE, TOKEN_IMPERSONATE, TOKEN_QUERY, TokenImpersonation,
};
use windows_sys::Win32::System::Pipes::ImpersonateNamedPipeClient;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken, SetThreadToken,
};

use super::{check, is};

/// An access token.
#[derive(Debug)]
pub(crate) struct Token(OwnedHandle);

impl Token {
    /// This process's own, to be looked at.
    pub(crate) fn of_process() -> io::Result<Self> {
        Self::of_process_for(TOKEN_QUERY)
    }

    /// This process's own, with these rights on it.
    pub(super) fn of_process_for(access: TOKEN_ACCESS_MASK) -> io::Result<Self> {
        let mut token: HANDLE = ptr::null_mut();
        // SAFETY: takes nothing, and answers with a constant that stands for this process.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: `process` needs no closing and the result is a live local.
        check(unsafe { OpenProcessToken(process, access, &raw mut token) })?;
        // SAFETY: the call has just opened it, for this caller alone.
        Ok(unsafe { Self::from_new(token) })
    }

    /// Another process's, to be looked at.
    pub(crate) fn of_other(process: BorrowedHandle<'_>) -> io::Result<Self> {
        let mut token: HANDLE = ptr::null_mut();
        let process = process.as_raw_handle();
        // SAFETY: the handle stays open while it is borrowed, and the result is a live local.
        check(unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) })?;
        // SAFETY: the call has just opened it, for this caller alone.
        Ok(unsafe { Self::from_new(token) })
    }

    /// The one that this thread carries, to be looked at and to be duplicated; `None` while the
    /// thread is the process itself. It is opened with the process's own rights, for the client's
    /// may not reach it.
    pub(crate) fn of_thread() -> io::Result<Option<Self>> {
        let mut token: HANDLE = ptr::null_mut();
        // SAFETY: takes nothing, and answers with a constant that stands for the calling thread.
        let thread = unsafe { GetCurrentThread() };
        let opened =
            // SAFETY: `thread` needs no closing and the result is a live local.
            unsafe { OpenThreadToken(thread, TOKEN_QUERY | TOKEN_DUPLICATE, 1, &raw mut token) };
        match check(opened) {
            // SAFETY: the call has just opened it, for this caller alone.
            Ok(()) => Ok(Some(unsafe { Self::from_new(token) })),
            Err(error) if is(&error, ERROR_NO_TOKEN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A copy that threads can carry, at `level` at the highest, and that nobody else can change.
    pub(crate) fn to_carry(&self, level: ImpersonationLevel) -> io::Result<Self> {
        let mut token: HANDLE = ptr::null_mut();
        let access = TOKEN_QUERY | TOKEN_IMPERSONATE;
        // SAFETY: the handle is this value's own; no descriptor is given, which asks for the
        // default one; the result is a live local.
        let copied = unsafe {
            DuplicateTokenEx(
                self.as_raw(),
                access,
                ptr::null(),
                to_raw(level),
                TokenImpersonation,
                &raw mut token,
            )
        };
        check(copied)?;
        // SAFETY: the call has just opened it, for this caller alone.
        Ok(unsafe { Self::from_new(token) })
    }

    /// `true` if the system asks nobody who carries this token for a right to the directories on the
    /// way to a file (`SeChangeNotifyPrivilege`, enabled), which nearly every token has.
    pub(crate) fn walks_unasked(&self) -> io::Result<bool> {
        self.has(CHANGE_NOTIFY)
    }

    /// `true` if the privilege of that number is enabled in it.
    fn has(&self, privilege: u32) -> io::Result<bool> {
        let mut wanted = PRIVILEGE_SET { PrivilegeCount: 1, ..Default::default() };
        wanted.Privilege[0].Luid.LowPart = privilege;
        let mut held = 0;
        // SAFETY: the handle is this value's own; the set has the one privilege that it counts; the
        // result is a live local.
        check(unsafe { PrivilegeCheck(self.as_raw(), &raw mut wanted, &raw mut held) })?;
        Ok(held != 0)
    }

    /// # Safety
    /// `token` is an open handle that nobody else closes.
    pub(super) unsafe fn from_new(token: HANDLE) -> Self {
        // SAFETY: by this function's own promise.
        Self(unsafe { OwnedHandle::from_raw_handle(token) })
    }

    pub(super) fn as_raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }
}

impl AsHandle for Token {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

/// Has this thread carry the token of the client at the other end of `pipe`, a server's end.
pub(crate) fn impersonate_client(pipe: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: the handle stays open while it is borrowed; the call changes no memory of this
    // process, only whose token the calling thread carries.
    check(unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) })
}

/// Has this thread carry `token`.
pub(crate) fn carry(token: &Token) -> io::Result<()> {
    // SAFETY: a null thread means the calling one; the handle stays open while it is borrowed, and
    // the thread holds the token itself from then on.
    check(unsafe { SetThreadToken(ptr::null(), token.as_raw()) })
}

/// Takes away the token that this thread carries.
pub(crate) fn revert() -> io::Result<()> {
    // SAFETY: takes nothing, and changes no memory of this process.
    check(unsafe { RevertToSelf() })
}

/// `true` if this process may act as clients of other users (`SeImpersonatePrivilege`, enabled).
pub(crate) fn may_impersonate() -> bool {
    Token::of_process().and_then(|own| own.has(IMPERSONATE)).unwrap_or(false)
}

/// The level that the system's number stands for.
pub(super) fn level_from_raw(level: SECURITY_IMPERSONATION_LEVEL) -> Option<ImpersonationLevel> {
    ImpersonationLevel::ALL.into_iter().find(|known| to_raw(*known) == level)
}

fn to_raw(level: ImpersonationLevel) -> SECURITY_IMPERSONATION_LEVEL {
    match level {
        ImpersonationLevel::Anonymous => SecurityAnonymous,
        ImpersonationLevel::Identification => SecurityIdentification,
        ImpersonationLevel::Impersonation => SecurityImpersonation,
        ImpersonationLevel::Delegation => SecurityDelegation,
    }
}

/// `SeChangeNotifyPrivilege` and `SeImpersonatePrivilege`. Source: [MS-LSAD] 3.1.1.2.1.
const CHANGE_NOTIFY: u32 = 23;
const IMPERSONATE: u32 = 29;
