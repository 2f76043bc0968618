//! A file service.
