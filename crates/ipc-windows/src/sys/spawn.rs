//! Starting a process with a token, and waiting for its end.
#![allow(unsafe_code, reason = "processes are started by calls that take bare pointers")]

use std::fs::File;
use std::os::windows::io::{
    AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle,
};
use std::path::Path;
use std::time::Duration;
use std::{io, ptr};

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE, INVALID_HANDLE_VALUE, WAIT_FAILED,
    WAIT_OBJECT_0,
};
use windows_sys::Win32::System::Pipes::CreatePipe;
use windows_sys::Win32::System::Threading::{
    CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW, EXTENDED_STARTUPINFO_PRESENT,
    GetCurrentProcess, GetExitCodeProcess, INFINITE, PROCESS_INFORMATION, STARTF_USESTDHANDLES,
    STARTUPINFOEXW, STARTUPINFOW, TerminateProcess, WaitForSingleObject,
};

use super::attributes::Inherited;
use super::token::Token;
use super::{check, wide};

/// What to start, and how.
pub(crate) struct Start<'a> {
    /// Its primary token, a restricted one of this process's own.
    pub(crate) token: &'a Token,
    pub(crate) program: &'a Path,
    /// Terminated.
    pub(crate) command_line: &'a mut [u16],
    /// Each variable terminated, and the whole once more. `None`: this process's own.
    pub(crate) environment: Option<&'a [u16]>,
    pub(crate) directory: Option<&'a Path>,
    /// Standard input, output and error.
    pub(crate) stdio: [Option<File>; 3],
}

/// Starts a process; gives it and its number.
pub(crate) fn spawn(start: Start<'_>) -> io::Result<(OwnedHandle, u32)> {
    let program = wide::terminated(start.program)?;
    let directory = start.directory.map(wide::terminated).transpose()?;
    let [stdin, stdout, stderr] = start.stdio.each_ref().map(|file| file.as_ref().map(inheritable));
    let stdio = [stdin.transpose()?, stdout.transpose()?, stderr.transpose()?];
    let mut inherited = Inherited::new(stdio.iter().flatten().map(AsRawHandle::as_raw_handle))?;
    let startup = STARTUPINFOEXW {
        StartupInfo: startup_info(&stdio)?,
        lpAttributeList: inherited.as_mut_ptr(),
    };
    let mut flags = EXTENDED_STARTUPINFO_PRESENT;
    if start.environment.is_some() {
        flags |= CREATE_UNICODE_ENVIRONMENT;
    }
    let mut started = PROCESS_INFORMATION::default();
    // SAFETY: all that is pointed to is terminated or has its length within, and outlives the call:
    // the texts, of which only the command line is written to, and it is exclusively borrowed; the
    // environment, by the promise of `Start`; `startup`, which is of the extended kind, as the flags
    // say, with the list and the handles in it. The result is a live local.
    check(unsafe {
        CreateProcessAsUserW(
            start.token.as_raw(),
            program.as_ptr(),
            start.command_line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            // Without a list of handles this would mean all that are inheritable.
            i32::from(!inherited.is_empty()),
            flags,
            start.environment.map_or(ptr::null(), |block| block.as_ptr().cast()),
            directory.as_ref().map_or(ptr::null(), |directory| directory.as_ptr()),
            ptr::from_ref(&startup).cast::<STARTUPINFOW>(),
            &raw mut started,
        )
    })?;
    // SAFETY: the call has just opened it, for this caller alone.
    drop(unsafe { OwnedHandle::from_raw_handle(started.hThread) });
    // SAFETY: the same.
    let process = unsafe { OwnedHandle::from_raw_handle(started.hProcess) };
    Ok((process, started.dwProcessId))
}

fn startup_info(stdio: &[Option<OwnedHandle>; 3]) -> io::Result<STARTUPINFOW> {
    let [input, output, error] = stdio
        .each_ref()
        .map(|handle| handle.as_ref().map_or(ptr::null_mut(), AsRawHandle::as_raw_handle));
    Ok(STARTUPINFOW {
        cb: u32::try_from(size_of::<STARTUPINFOEXW>()).map_err(io::Error::other)?,
        dwFlags: STARTF_USESTDHANDLES,
        hStdInput: input,
        hStdOutput: output,
        hStdError: error,
        ..Default::default()
    })
}

/// A pipe without a name: the end to read from, and the one to write to. No child inherits them.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    let (mut read, mut write): (HANDLE, HANDLE) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the results are live locals; no attributes are given, nor a size.
    check(unsafe { CreatePipe(&raw mut read, &raw mut write, ptr::null(), 0) })?;
    // SAFETY: the call has just opened it, for this caller alone.
    let read = unsafe { OwnedHandle::from_raw_handle(read) };
    // SAFETY: the same.
    let write = unsafe { OwnedHandle::from_raw_handle(write) };
    Ok((read.into(), write.into()))
}

/// This process's standard input, if it has one.
pub(crate) fn own_stdin() -> io::Result<Option<File>> {
    own(io::stdin().as_raw_handle())
}

/// This process's standard output, if it has one.
pub(crate) fn own_stdout() -> io::Result<Option<File>> {
    own(io::stdout().as_raw_handle())
}

/// This process's standard error, if it has one.
pub(crate) fn own_stderr() -> io::Result<Option<File>> {
    own(io::stderr().as_raw_handle())
}

fn own(handle: RawHandle) -> io::Result<Option<File>> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Ok(None);
    }
    // SAFETY: a standard stream's handle stays open as long as nobody closes it, which `std` demands
    // of the whole process; it is duplicated at once.
    let handle = unsafe { BorrowedHandle::borrow_raw(handle) };
    handle.try_clone_to_owned().map(|owned| Some(owned.into()))
}

/// A duplicate that a child may inherit.
fn inheritable(file: &File) -> io::Result<OwnedHandle> {
    let mut duplicate: HANDLE = ptr::null_mut();
    // SAFETY: takes nothing, and answers with a constant that stands for this process.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the file is open while it is borrowed; the result is a live local.
    check(unsafe {
        DuplicateHandle(
            process,
            file.as_handle().as_raw_handle(),
            process,
            &raw mut duplicate,
            0,
            1,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    // SAFETY: the call has just opened it, for this caller alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(duplicate) })
}

/// Waits for the end of `process`; `false` if `limit` passed first.
pub(crate) fn wait(process: BorrowedHandle<'_>, limit: Option<Duration>) -> io::Result<bool> {
    let limit =
        limit.map_or(INFINITE, |limit| u32::try_from(limit.as_millis()).unwrap_or(INFINITE - 1));
    // SAFETY: the handle stays open while it is borrowed.
    match unsafe { WaitForSingleObject(process.as_raw_handle(), limit) } {
        WAIT_FAILED => Err(io::Error::last_os_error()),
        ended => Ok(ended == WAIT_OBJECT_0),
    }
}

/// With which code `process`, which has ended, has done so.
pub(crate) fn exit_code(process: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut code = 0;
    // SAFETY: the handle stays open while it is borrowed, and the result is a live local.
    check(unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut code) })?;
    Ok(code)
}

/// Ends `process`.
pub(crate) fn terminate(process: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: the handle stays open while it is borrowed.
    check(unsafe { TerminateProcess(process.as_raw_handle(), 1) })
}
