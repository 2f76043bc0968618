//! The cases, each for one thing that must hold; they panic where it does not.
//!
//! Most hold in both modes. Cases that need a capability which the transport does not declare
//! assert that it says so.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a case says that it is red")]

pub mod bytes;
pub mod closing;
pub mod deadlines;
pub mod duplex;
pub mod handles;
pub mod identity;
pub mod lifecycle;
pub mod limits;
pub mod messages;
pub mod parking;
