//! The server runtime.

pub mod protocol;
