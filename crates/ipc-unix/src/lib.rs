//! Unix domain sockets for `ipc`.
#![cfg(unix)]
