//! The conformance suite for transports.
