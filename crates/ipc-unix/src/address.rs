//! Where the socket of an [`Endpoint`] lies.
//!
//! | endpoint | socket |
//! |---|---|
//! | `files`, bound by root | `/run/ipc/files.sock` |
//! | `files`, bound by anybody else | `$XDG_RUNTIME_DIR/ipc/files.sock`, or without that variable `ipc-UID/files.sock` in the temporary directory |
//! | `unix:/path`, `unix:path` | the file of that name, below the current directory if it is relative |
//! | `unix:@name` | the abstract name `name`, on Linux |
//!
//! A client looks for a bare name in its own directory first, then in root's. The directories of
//! bare names are made when they are first bound in, and trusted only while nobody else can put a
//! socket there.

use std::path::{Path, PathBuf};

use ipc_core::{Endpoint, Error, Operation, Result};

use crate::sys::Errno;
use crate::sys::socket::{PATH_ROOM, SocketAddress};

mod runtime;

pub(crate) use runtime::RuntimeDirectory;

/// Where a socket lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// In the file system, at an absolute path.
    Path(PathBuf),
    /// In the abstract namespace (Linux): no file, no mode, and free for anybody to take.
    Abstract(String),
}

/// One place at which a client looks for its server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) address: Address,
    /// The directory that must be safe before the name in it means anything.
    pub(crate) directory: Option<RuntimeDirectory>,
}

impl Address {
    /// Where `endpoint` is to be bound; makes the directory of a bare name.
    pub(crate) fn to_bind(endpoint: &Endpoint) -> Result<Self> {
        match named(endpoint)? {
            Named::Here(address) => Ok(address),
            Named::Bare(name) => {
                let directory = RuntimeDirectory::own();
                let address = in_directory(endpoint, &directory, name)?;
                directory.make(endpoint)?;
                Ok(address)
            }
        }
    }

    /// Where a client looks for `endpoint`, in this order.
    pub(crate) fn to_connect(endpoint: &Endpoint) -> Result<Vec<Candidate>> {
        let name = match named(endpoint)? {
            Named::Here(address) => return Ok(vec![Candidate { address, directory: None }]),
            Named::Bare(name) => name,
        };
        let mut directories = vec![RuntimeDirectory::own(), RuntimeDirectory::system()];
        directories.dedup();
        directories
            .into_iter()
            .map(|directory| {
                let address = in_directory(endpoint, &directory, name)?;
                Ok(Candidate { address, directory: Some(directory) })
            })
            .collect()
    }

    /// `true` if `endpoint` asks for a name outside the file system.
    pub(crate) fn is_abstract(endpoint: &Endpoint) -> bool {
        endpoint.scheme() == Some(crate::SCHEME) && endpoint.name().starts_with('@')
    }

    /// The same for the system.
    pub(crate) fn to_system(
        &self,
        endpoint: &Endpoint,
        operation: Operation,
    ) -> Result<SocketAddress> {
        let address = match self {
            Self::Path(path) => SocketAddress::path(path),
            Self::Abstract(name) => SocketAddress::abstract_name(name.as_bytes()),
        };
        address.map_err(|error| match error {
            // An abstract name, on a system that has none.
            Errno::OPNOTSUPP => Error::Unsupported { operation },
            error => Error::io(operation, endpoint, error.into()),
        })
    }
}

/// What an endpoint's text names.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    Here(Address),
    Bare(&'a str),
}

fn named(endpoint: &Endpoint) -> Result<Named<'_>> {
    let name = endpoint.name();
    match endpoint.scheme() {
        None => Ok(Named::Bare(name)),
        Some(crate::SCHEME) => match name.strip_prefix('@') {
            Some(name) => abstract_name(endpoint, name).map(Named::Here),
            None => path(endpoint, name).map(Named::Here),
        },
        Some(_) => Err(refuse(endpoint, "sockets have bare names, `unix:/path` or `unix:@name`")),
    }
}

fn abstract_name(endpoint: &Endpoint, name: &str) -> Result<Address> {
    if name.is_empty() {
        return Err(refuse(endpoint, "there is no name behind the `@`"));
    }
    // The first byte of the room is the NUL that marks the name as abstract.
    check_length(endpoint, name.len())?;
    Ok(Address::Abstract(name.to_owned()))
}

fn path(endpoint: &Endpoint, name: &str) -> Result<Address> {
    if name.ends_with('/') || Path::new(name).file_name().is_none() {
        return Err(refuse(endpoint, "the path ends in a directory; name the socket itself"));
    }
    let path = std::path::absolute(name).map_err(|error| {
        refuse(endpoint, &format!("there is no current directory to take it from: {error}"))
    })?;
    check_length(endpoint, path.as_os_str().len())?;
    Ok(Address::Path(path))
}

fn in_directory(endpoint: &Endpoint, directory: &RuntimeDirectory, name: &str) -> Result<Address> {
    let path = directory.path().join(format!("{name}.sock"));
    check_length(endpoint, path.as_os_str().len())?;
    Ok(Address::Path(path))
}

fn check_length(endpoint: &Endpoint, length: usize) -> Result<()> {
    const LIMIT: usize = PATH_ROOM - 1;
    if length <= LIMIT {
        return Ok(());
    }
    Err(refuse(
        endpoint,
        &format!("the socket's whole path has {length} bytes and this system allows {LIMIT}"),
    ))
}

fn refuse(endpoint: &Endpoint, reason: &str) -> Error {
    Error::InvalidEndpoint { text: endpoint.to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::directory::SYSTEM_RUNTIME;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().expect(text)
    }

    fn place(text: &str) -> Result<Address> {
        match named(&endpoint(text))? {
            Named::Here(address) => Ok(address),
            Named::Bare(name) => panic!("{name} is bare"),
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is_and_a_relative_one_from_here() {
        let here = std::env::current_dir().expect("a current directory");
        assert_eq!(place("unix:/run/x").expect("fits"), Address::Path("/run/x".into()));
        assert_eq!(place("unix:x/y.sock").expect("fits"), Address::Path(here.join("x/y.sock")));
        assert_eq!(place("unix:./y").expect("fits"), Address::Path(here.join("y")));
    }

    #[test]
    fn l30_an_abstract_name_must_be_asked_for() {
        assert_eq!(place("unix:@x").expect("fits"), Address::Abstract("x".into()));
        let here = std::env::current_dir().expect("a current directory");
        assert_eq!(place("unix:./@x").expect("fits"), Address::Path(here.join("@x")));
        assert!("@x".parse::<Endpoint>().is_err());
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_with_the_limit() {
        let limit = PATH_ROOM - 1;
        let path = |length: usize| format!("unix:/{}", "x".repeat(length - 1));
        assert!(place(&path(limit)).is_ok());
        let error = place(&path(limit + 1)).expect_err("too long").to_string();
        assert!(error.contains(&limit.to_string()), "{error}");
        assert!(place(&format!("unix:@{}", "x".repeat(limit))).is_ok());
        assert!(place(&format!("unix:@{}", "x".repeat(limit + 1))).is_err());
    }

    #[test]
    fn what_names_no_socket_is_refused() {
        for text in ["unix:/", "unix:/run/", "unix:..", "unix:@", "pipe:x", "mem:x"] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_client_looks_in_its_own_directory_first_and_then_in_the_systems() {
        let candidates = Address::to_connect(&endpoint("files")).expect("fits");
        let last = candidates.last().expect("at least one");
        assert_eq!(last.address, Address::Path(Path::new(SYSTEM_RUNTIME).join("files.sock")));
        assert_eq!(candidates[0].directory, Some(RuntimeDirectory::own()));
        assert!(candidates.len() <= 2);
    }
}
