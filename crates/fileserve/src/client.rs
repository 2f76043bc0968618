//! A client of files: typed calls, and content that is checked as it comes.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use ipc_core::client::{BodyReader, Client, Response};
use ipc_core::{Deadline, Error as IpcError, ErrorKind};

use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::protocol::{
    About, Algorithm, Digest, Entry, EntryReader, Explanation, FileHead, FileInfo, FilesClient,
    Listing, Part, WhoAmI, WirePath,
};
use crate::resume::{self, Partial};
use crate::service::FileService;

use handed_over::Reading;

mod handed_over;

pub use handed_over::HandedOver;

/// Fetches, lists and sums the files of a server.
///
/// The connection must have been made at level
/// [`Impersonation`](ipc_core::ImpersonationLevel::Impersonation): the server opens each file as
/// this client, or not at all.
///
/// # Examples
/// ```no_run
/// use fileserve::protocol::WirePath;
/// use fileserve::{FileClient, platform};
/// use ipc_core::client::{Client, ClientOptions};
/// use ipc_core::{ConnectOptions, ImpersonationLevel};
///
/// let transport = platform::transport();
/// let options = ConnectOptions::new().level(ImpersonationLevel::Impersonation);
/// let client = Client::connect(&*transport, &"files".parse()?, &options, ClientOptions::new())?;
/// let mut files = FileClient::new(client);
/// files.fetch(&WirePath::new("notes.txt")?, "notes.txt".as_ref())?;
/// # Ok::<(), fileserve::Error>(())
/// ```
#[derive(Debug)]
pub struct FileClient {
    files: FilesClient,
}

impl FileClient {
    /// Talks to the server that `client` is connected to.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { files: client.into() }
    }

    /// Asks for `part` of the file `path`. Its content is read from what this returns.
    ///
    /// # Errors
    /// [`Error::Call`] if the server refuses; [`Error::Contradiction`] if it answers what was not
    /// asked.
    pub fn open(&mut self, path: &WirePath, part: &Part) -> Result<Incoming<'_>> {
        let response = self.files.get(path.clone(), part.clone())?;
        Incoming::answered(part, response)
    }

    /// Passes a `file` that this process has opened, to a server that opens none
    /// ([`Opener::Client`](crate::protocol::Opener::Client)), and asks for `part` of it. The
    /// connection must [pass handles](ipc_core::ConnectOptions::handles).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_passed(&mut self, file: File, part: &Part) -> Result<Incoming<'_>> {
        let response = self.files.get_passed(file, part.clone())?;
        Incoming::answered(part, response)
    }

    /// Has the server open the file `path` as this client and pass it: its content is read by this
    /// process, and never crosses the server. The connection must
    /// [pass handles](ipc_core::ConnectOptions::handles).
    ///
    /// What comes is checked like anything that a stranger passes: it must be a regular file, and the
    /// one that the server says it is.
    ///
    /// # Errors
    /// [`Error::Call`] if the server refuses, or the connection passes no handles;
    /// [`Error::Contradiction`] if it passes something else than it says.
    pub fn hand_over(&mut self, path: &WirePath) -> Result<HandedOver> {
        let Response { value, handle, .. } = self.files.hand_over(path.clone())?;
        HandedOver::check(value, handle)
    }

    /// Fetches the file `path` to `destination`, where it appears once it is whole. A transfer to
    /// the same place that was cut before goes on where it stopped. A [`Destination::Stream`] takes
    /// the content as it comes.
    ///
    /// # Errors
    /// As [`open`](Self::open), [`Incoming::copy_to`], [`Destination::open`] and [`Partial`]. What
    /// has come is kept for the next time.
    ///
    /// # Blocking
    /// Without end where `destination` is a FIFO that nobody reads.
    pub fn fetch(&mut self, path: &WirePath, destination: &Path) -> Result<FileHead> {
        match Destination::open(destination, Deadline::NEVER)? {
            Destination::File(place) => {
                let mut partial = Partial::resume(place)?;
                let head = self.receive(path, &partial.missing(), &mut partial, &mut |_| ())?;
                partial.finish().map(|()| head)
            }
            Destination::Stream(mut stream) => {
                let mut incoming = self.open(path, &Part::WHOLE)?;
                incoming.copy_to(&mut stream, &mut |_| ())?;
                Ok(incoming.head)
            }
        }
    }

    /// Receives `part` of the file `path` into `partial`, which the caller finishes. `progress` is
    /// told how many bytes of the file are there, and of how many.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn receive(
        &mut self,
        path: &WirePath,
        part: &Part,
        partial: &mut Partial,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<FileHead> {
        let mut incoming = self.open(path, part)?;
        partial.accept(part, incoming.head())?;
        incoming.copy_to(partial, progress)?;
        Ok(incoming.head)
    }

    /// Tells what `path` stands for, without following a final link.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn stat(&mut self, path: &WirePath) -> Result<FileInfo> {
        Ok(self.files.stat(path.clone())?)
    }

    /// Lists the directory `path`: hands each entry to `each`, in no order.
    ///
    /// # Errors
    /// [`Error::Call`]; [`Error::Contradiction`] if the server lists what is no name, another number
    /// of entries than it said, or more than [`FileService::MAX_LISTING`] and one entry.
    pub fn list(&mut self, path: &WirePath, each: &mut dyn FnMut(Entry)) -> Result<Listing> {
        let response = self.files.list(path.clone())?;
        let mut listed = 0_u32;
        let mut length = 0;
        for entry in EntryReader::new(response.body) {
            let entry = entry.map_err(entry_error)?;
            length += Entry::HEAD + entry.name.len();
            if length > MOST_LISTED {
                let reason = format!("it lists more than {MOST_LISTED} bytes, and no server does");
                return Err(Error::Contradiction { reason });
            }
            each(entry);
            listed = listed.saturating_add(1);
        }
        if listed != response.value.entries {
            let announced = response.value.entries;
            let reason = format!("it announced {announced} entries and sent {listed}");
            return Err(Error::Contradiction { reason });
        }
        Ok(response.value)
    }

    /// Has the server compute a checksum of the file `path`. That takes its time for a long file:
    /// the client's [timeout](Client::set_timeout) must allow for it.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn sum(&mut self, path: &WirePath, algorithm: Algorithm) -> Result<Digest> {
        check_digest(self.files.sum(path.clone(), algorithm)?, algorithm)
    }

    /// The same of a `file` that this process has opened, to a server that opens none.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn sum_passed(&mut self, file: File, algorithm: Algorithm) -> Result<Digest> {
        check_digest(self.files.sum_passed(file, algorithm)?, algorithm)
    }

    /// Asks what the server knows about this client.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn whoami(&mut self) -> Result<WhoAmI> {
        Ok(self.files.whoami()?)
    }

    /// Asks whether the file `path` would be served, or with a `/` at its end a directory's entries,
    /// and if not, why not.
    ///
    /// # Errors
    /// [`Error::Call`]; of kind [`Unsupported`](ErrorKind::Unsupported) by a server that cannot tell.
    pub fn explain(&mut self, path: &WirePath) -> Result<Explanation> {
        Ok(self.files.explain(path.clone())?)
    }

    /// Asks what paths mean to the server.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn about(&mut self) -> Result<About> {
        Ok(self.files.about()?)
    }
}

/// The client below, for its timeout and deadline.
impl AsMut<Client> for FileClient {
    fn as_mut(&mut self) -> &mut Client {
        self.files.as_mut()
    }
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes have come in this transfer.
    pub received: u64,
    /// How many will.
    pub announced: u64,
}

/// The content of a file while it comes.
#[derive(Debug)]
pub struct Incoming<'c> {
    head: FileHead,
    content: Content<'c>,
    received: u64,
}

/// Where it comes from.
#[derive(Debug)]
enum Content<'c> {
    Server(BodyReader<'c>),
    Handle(Reading),
}

impl<'c> Incoming<'c> {
    fn answered(asked: &Part, response: Response<'c, FileHead>) -> Result<Self> {
        let Response { value: head, body, .. } = response;
        resume::check(asked, &head)?;
        Ok(Self { head, content: Content::Server(body), received: 0 })
    }

    fn read_here(head: FileHead, reading: Reading) -> Self {
        Self { head, content: Content::Handle(reading), received: 0 }
    }

    /// Which file it is, and which part of it.
    #[must_use]
    pub fn head(&self) -> &FileHead {
        &self.head
    }

    /// Writes all that comes to `to`, with a bounded buffer between, however slow `to` is.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the content ends early, with how much of what was written is valid:
    /// the last piece, of at most [`MAX_DATA`](ipc_core::frame::MAX_DATA) bytes, may end in zeros.
    /// [`Error::Call`] of kind [`Changed`](ErrorKind::Changed) if the file changed while it was sent:
    /// nothing of what was written is of any use. [`Error::Output`] if `to` does not take it.
    pub fn copy_to(
        &mut self,
        to: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        let mut buffer = vec![0; BUFFER_SIZE];
        loop {
            let read = match &mut self.content {
                Content::Server(body) => body.read_to(&mut buffer),
                Content::Handle(reading) => reading.read_to(&mut buffer),
            };
            let count = match read {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(self.incomplete(error)),
            };
            to.write_all(&buffer[..count]).map_err(Error::Output)?;
            self.received += count as u64;
            progress(Progress { received: self.received, announced: self.head.length });
        }
        if self.received != self.head.length {
            return Err(self.incomplete(IpcError::Protocol {
                reason: "the content ends well, with another length than announced".to_owned(),
            }));
        }
        to.flush().map_err(Error::Output)
    }

    fn incomplete(&self, source: IpcError) -> Error {
        if source.kind() == ErrorKind::Changed {
            return Error::Call(source);
        }
        let valid = match &self.content {
            Content::Server(body) => body.valid(),
            Content::Handle(_) => None,
        };
        let received = valid.unwrap_or(self.received);
        Error::Incomplete { received, announced: self.head.length, source }
    }
}

fn check_digest(digest: Digest, algorithm: Algorithm) -> Result<Digest> {
    if digest.algorithm == algorithm {
        return Ok(digest);
    }
    let reason = format!("asked for {}, it computed another", algorithm.name());
    Err(Error::Contradiction { reason })
}

/// What went wrong with an entry: the session, whose error travels inside the one that `Read`
/// demands, or what the server lists.
fn entry_error(error: io::Error) -> Error {
    match error.downcast::<IpcError>() {
        Ok(error) => Error::Call(error),
        Err(error) => Error::Contradiction { reason: error.to_string() },
    }
}

/// How much content is in memory at once, in bytes, beside what the session's credit allows.
/// The longest body of a listing, in bytes: whoever collects one needs no more memory than that takes.
const MOST_LISTED: usize = FileService::MAX_LISTING + Entry::HEAD + u16::MAX as usize;

const BUFFER_SIZE: usize = 256 << 10;
