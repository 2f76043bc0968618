//! What the fuzz targets share.
//!
//! A target is one file of `fuzz_targets`: it feeds bytes that a fuzzer chose to one piece of the
//! project and asserts what must hold whatever they are. Nothing in here is a test of its own.

pub mod frames;
pub mod heard;
pub mod meter;
pub mod script;
pub mod shelf;
