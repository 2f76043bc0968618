//! Windows named pipes for `ipc`; they come with the next step.
#![cfg(windows)]
