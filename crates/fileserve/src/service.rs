//! The file service: opens each file as the client who asks, and hands it to the runtime.

use std::fs::File;
use std::io;
use std::sync::Arc;

use ipc_core::files::{FileKind, Metadata, Open, RelativePath, Root};
use ipc_core::service::{Body, Context, FileBody, Reply};
use ipc_core::{Error, ErrorKind, Failure, Peer, Policy};

use crate::access::Access;
use crate::digest::Hasher;
use crate::protocol::{
    About, Acting, Algorithm, Digest, Explanation, FileHead, FileInfo, Files, Listing, Names, Part,
    Validator, WhoAmI, WirePath, encode_entry,
};
use crate::record::{Method, Observer, Record};

use passed::HandOver;

mod content;
mod explain;
mod passed;

pub(crate) use passed::Subject;

/// Serves the files below a [`Root`], each with the rights of the client that asks for it.
///
/// It never opens anything with the server's own rights unless it was told to: every name goes
/// through its [`Access`], which is to act as the client by default.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use fileserve::protocol::Names;
/// use fileserve::{FileService, Files, platform};
///
/// let root = platform::open_root("/srv/files".as_ref(), &Default::default())?;
/// let service = FileService::new(root, Names::BelowRoot)
///     .observe(|record| eprintln!("{record}"))
///     .into_service();
/// # drop(service);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileService {
    root: Arc<dyn Root>,
    names: Names,
    access: Access,
    hand_over: Option<HandOver>,
    observer: Observer,
}

impl FileService {
    /// The most entries of a directory that are listed.
    pub const MAX_ENTRIES: u32 = 100_000;

    /// The most bytes that a directory's listing has.
    pub const MAX_LISTING: usize = 4 << 20;

    /// Serves what lies below `root`, under paths that mean `names`.
    #[must_use]
    pub fn new(root: Arc<dyn Root>, names: Names) -> Self {
        let (access, observer) = (Access::default(), Observer::default());
        Self { root, names, access, hand_over: None, observer }
    }

    /// Sets how files are opened. Default: [`Access::Impersonate`].
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets to whom files are handed over: opened as the client by [`Access::Impersonate`], and passed
    /// as they are opened. `own` is the server itself
    /// ([`Transport::this_process`](ipc_core::Transport::this_process)), to which the policy compares.
    /// Default: to nobody.
    ///
    /// Who has such a handle reads the file as long as it keeps it, whatever becomes of its rights or
    /// of the file's name, and can lock it for others; the server does not see what is read.
    #[must_use]
    pub fn hand_over_to(mut self, to: Policy, own: Peer) -> Self {
        self.hand_over = Some(HandOver::new(to, own));
        self
    }

    /// Has `observer` called once for each request when it has ended, on a thread of the server: it
    /// must return soon. Asking what paths mean is no request here. Default: nobody is told.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observer);
        self
    }

    pub(crate) fn root(&self) -> &dyn Root {
        &*self.root
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Opens `path` for the client.
    pub(crate) fn open(
        &self,
        context: &Context<'_>,
        path: &WirePath,
        how: Open,
    ) -> Result<(File, Metadata), Failure> {
        let name = self.resolve(path)?;
        let file = self
            .access
            .open(context, &*self.root, &name, how)
            .map_err(|error| self.refusal(context, path, error))?;
        let metadata =
            self.root.metadata(&file).map_err(|error| broken(Subject::Path(path), &error))?;
        if metadata.kind != FileKind::Directory && path.names_directory() {
            return Err(Failure::new(ErrorKind::NotADirectory, format!("`{path}`")));
        }
        Ok((file, metadata))
    }

    fn resolve(&self, path: &WirePath) -> Result<RelativePath, Failure> {
        path.below_root(self.names).map_err(Failure::from)
    }

    fn get_part(
        &self,
        context: &Context<'_>,
        path: &WirePath,
        part: &Part,
    ) -> Result<Reply<FileHead>, Failure> {
        let (file, metadata) = self.open(context, path, Open::Read)?;
        let head = head(Subject::Path(path), Validator::from(&metadata), part)?;
        if self.root.may_wait(&file, &metadata) {
            let body = self.read_on_pool(context, Some(path), file, metadata, &head);
            return Ok(Reply::new(head).with_body(body));
        }
        let root = Arc::clone(&self.root);
        let as_of = Some(metadata);
        let body = FileBody { file, root, from: head.from, length: head.length, as_of };
        Ok(Reply::new(head).with_body(Body::File(body)))
    }

    fn stat_name(&self, context: &Context<'_>, path: &WirePath) -> Result<FileInfo, Failure> {
        let name = self.resolve(path)?;
        let metadata = self
            .access
            .stat(context, &*self.root, &name)
            .map_err(|error| self.refusal(context, path, error))?;
        if metadata.kind != FileKind::Directory && path.names_directory() {
            // What a link leads to is meant, and it is a directory or nothing.
            return self.open(context, path, Open::List).map(|(_, found)| FileInfo::from(&found));
        }
        Ok(FileInfo::from(&metadata))
    }

    fn list_directory(
        &self,
        context: &Context<'_>,
        path: &WirePath,
    ) -> Result<Reply<Listing>, Failure> {
        let (directory, _) = self.open(context, path, Open::List)?;
        let mut listing = Listing { entries: 0, complete: true };
        let mut body = Vec::new();
        self.root
            .entries(&directory, &mut |entry| {
                let fits = listing.entries < Self::MAX_ENTRIES && body.len() < Self::MAX_LISTING;
                listing.complete = fits && !context.is_cancelled();
                if listing.complete {
                    listing.entries += 1;
                    encode_entry(&mut body, &entry);
                }
                listing.complete
            })
            .map_err(|error| broken(Subject::Path(path), &error))?;
        Ok(Reply::new(listing).with_body(Body::Bytes(body)))
    }

    fn sum_file(
        &self,
        context: &Context<'_>,
        path: &WirePath,
        algorithm: Algorithm,
    ) -> Result<Digest, Failure> {
        let (file, metadata) = self.open(context, path, Open::Read)?;
        self.sum_open(context, Subject::Path(path), &file, &metadata, algorithm)
    }

    /// The checksum of an open file, `what` for people.
    fn sum_open(
        &self,
        context: &Context<'_>,
        what: Subject<'_>,
        file: &File,
        metadata: &Metadata,
        algorithm: Algorithm,
    ) -> Result<Digest, Failure> {
        let mut hasher = Hasher::new(algorithm);
        let mut buffer = vec![0; READ_SIZE];
        let mut at = 0;
        while at < metadata.length {
            if context.is_cancelled() {
                let text = format!("{what}: stopped after {at} bytes");
                return Err(Failure::new(ErrorKind::Cancelled, text));
            }
            let wanted = usize::try_from(metadata.length - at).unwrap_or(READ_SIZE).min(READ_SIZE);
            match self.root.read_at(file, &mut buffer[..wanted], at) {
                Ok(0) => return Err(shrunk(what, at, metadata.length)),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    at += count as u64;
                }
                Err(error) => return Err(broken(what, &error)),
            }
        }
        let now = self.root.metadata(file).map_err(|error| broken(what, &error))?;
        if Validator::from(&now) != Validator::from(metadata) {
            return Err(Failure::new(ErrorKind::Changed, format!("{what}, while it was read")));
        }
        Ok(Digest { file: Validator::from(metadata), algorithm, bytes: hasher.finish() })
    }

    fn acting(&self, context: &Context<'_>) -> Acting {
        let outcome = match &self.access {
            Access::Impersonate => context.as_peer(|_| ()).map_err(|error| error.chain()),
            other => Err(format!("it opens files by `--access {other}`")),
        };
        outcome.map_or_else(|reason| Acting::Cannot { reason }, |()| Acting::Can)
    }

    /// Why the client does not get `path`. The kind is what its own open would have met.
    fn refusal(&self, context: &Context<'_>, path: &WirePath, error: Error) -> Failure {
        let text = match &error {
            Error::Io { source, .. } => match ErrorKind::of_io(source) {
                ErrorKind::NotFound => format!("`{path}`"),
                ErrorKind::PermissionDenied => match context.peer().ok().and_then(|p| p.identity())
                {
                    _ if !self.access.has_clients_rights() => {
                        format!("the system refuses `{path}` to the server")
                    }
                    Some(identity) => format!("the system refuses `{path}` to {identity}"),
                    None => format!("the system refuses `{path}`"),
                },
                _ => format!("`{path}`: {source}"),
            },
            Error::Remote(failure) if failure.text().is_empty() => format!("`{path}`"),
            Error::Remote(failure) => format!("`{path}`: {}", failure.text()),
            other => format!("`{path}`: {}", other.chain()),
        };
        Failure::new(error.kind(), text)
    }
}

impl Files for FileService {
    fn get(
        &self,
        context: &Context<'_>,
        path: WirePath,
        part: Part,
    ) -> Result<Reply<FileHead>, Failure> {
        context.asks_for(path.as_bytes());
        let reply = self.get_part(context, &path, &part);
        self.observer.reply(context, Method::Get, Some(path), reply)
    }

    fn stat(&self, context: &Context<'_>, path: WirePath) -> Result<Reply<FileInfo>, Failure> {
        context.asks_for(path.as_bytes());
        let reply = self.stat_name(context, &path).map(Reply::new);
        self.observer.reply(context, Method::Stat, Some(path), reply)
    }

    fn list(&self, context: &Context<'_>, path: WirePath) -> Result<Reply<Listing>, Failure> {
        context.asks_for(path.as_bytes());
        let reply = self.list_directory(context, &path);
        self.observer.reply(context, Method::List, Some(path), reply)
    }

    fn sum(
        &self,
        context: &Context<'_>,
        path: WirePath,
        algorithm: Algorithm,
    ) -> Result<Reply<Digest>, Failure> {
        context.asks_for(path.as_bytes());
        let reply = self.sum_file(context, &path, algorithm).map(Reply::new);
        self.observer.reply(context, Method::Sum, Some(path), reply)
    }

    fn whoami(&self, context: &Context<'_>) -> Result<Reply<WhoAmI>, Failure> {
        let acting = self.acting(context);
        let reply = context
            .peer()
            .map(|peer| Reply::new(WhoAmI::new(peer, context.level(), acting)))
            .map_err(Failure::from);
        self.observer.reply(context, Method::WhoAmI, None, reply)
    }

    fn explain(
        &self,
        context: &Context<'_>,
        path: WirePath,
    ) -> Result<Reply<Explanation>, Failure> {
        context.asks_for(path.as_bytes());
        let reply = Ok(Reply::new(self.explain_path(context, &path)));
        self.observer.reply(context, Method::Explain, Some(path), reply)
    }

    /// Not observed: it comes before a request that is.
    fn about(&self, _: &Context<'_>) -> Result<Reply<About>, Failure> {
        Ok(Reply::new(About { names: self.names, opens: self.access.opener() }))
    }

    fn hand_over(
        &self,
        context: &Context<'_>,
        path: WirePath,
    ) -> Result<Reply<Validator>, Failure> {
        context.asks_for(path.as_bytes());
        let reply = self.open_to_pass(context, &path);
        self.observer.reply(context, Method::HandOver, Some(path), reply)
    }

    fn get_passed(&self, context: &Context<'_>, part: Part) -> Result<Reply<FileHead>, Failure> {
        let reply = self.part_of_passed(context, &part);
        self.observer.reply(context, Method::GetPassed, None, reply)
    }

    fn sum_passed(
        &self,
        context: &Context<'_>,
        algorithm: Algorithm,
    ) -> Result<Reply<Digest>, Failure> {
        let reply = self.sum_of_passed(context, algorithm).map(Reply::new);
        self.observer.reply(context, Method::SumPassed, None, reply)
    }
}

/// What is sent of a file in state `file` to who asks for `part`.
pub(crate) fn head(what: Subject<'_>, file: Validator, part: &Part) -> Result<FileHead, Failure> {
    if part.of.as_ref().is_some_and(|expected| *expected != file) {
        return Err(Failure::new(ErrorKind::Changed, format!("{what}")));
    }
    let Some(rest) = file.length.checked_sub(part.from) else {
        let text = format!("{what} has {} bytes; the part begins at {}", file.length, part.from);
        return Err(Failure::new(ErrorKind::InvalidInput, text));
    };
    let length = part.length.map_or(rest, |length| length.min(rest));
    Ok(FileHead { from: part.from, length, file })
}

pub(crate) fn broken(what: Subject<'_>, error: &io::Error) -> Failure {
    Failure::new(ErrorKind::DataFailed, format!("{what}: {error}"))
}

fn shrunk(what: Subject<'_>, at: u64, announced: u64) -> Failure {
    let text = format!("{what} had {announced} bytes and now ends after {at}");
    Failure::new(ErrorKind::Truncated, text)
}

/// How much of a file is read at once to compute its checksum, in bytes.
const READ_SIZE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: u64) -> Validator {
        Validator { device: 1, inode: 2, length, modified: None }
    }

    fn part(from: u64, length: Option<u64>) -> Part {
        Part { from, length, of: None }
    }

    fn range(length: u64, part: &Part) -> Result<(u64, u64), ErrorKind> {
        let path = WirePath::new("x").expect("short");
        head(Subject::Path(&path), file(length), part)
            .map(|h| (h.from, h.length))
            .map_err(|f| f.kind())
    }

    #[test]
    fn a_part_is_cut_at_the_end_of_the_file_and_never_begins_behind_it() {
        assert_eq!(range(10, &Part::WHOLE), Ok((0, 10)));
        assert_eq!(range(10, &part(4, Some(3))), Ok((4, 3)));
        assert_eq!(range(10, &part(4, Some(u64::MAX))), Ok((4, 6)));
        assert_eq!(range(10, &part(10, None)), Ok((10, 0)));
        assert_eq!(range(10, &part(11, None)), Err(ErrorKind::InvalidInput));
        assert_eq!(range(0, &Part::WHOLE), Ok((0, 0)));
    }

    #[test]
    fn a_part_of_another_state_of_the_file_is_refused() {
        let of = |validator| Part { from: 4, length: None, of: Some(validator) };
        assert_eq!(range(10, &of(file(10))), Ok((4, 6)));
        assert_eq!(range(10, &of(file(9))), Err(ErrorKind::Changed));
        let newer = crate::protocol::Timestamp { seconds: 1, nanoseconds: 0 };
        let changed = Validator { modified: Some(newer), ..file(10) };
        assert_eq!(range(10, &of(changed)), Err(ErrorKind::Changed));
    }
}
