//! The file service as this protocol asks it: the text of one file.

use std::ffi::OsStr;

use ipc_core::files::Open;
use ipc_core::service::{Arguments, Body, Context, Reply, RunsOn, Service};
use ipc_core::{Error, ErrorKind, Failure};

use super::text::{Text, TextDecoder};
use super::wire::MAX_PAYLOAD;
use crate::platform;
use crate::protocol::{Validator, WirePath};
use crate::record::Method;
use crate::service::{FileService, Subject, broken};

/// Answers a [`Conversation`](super::Conversation) from a [`FileService`]: the same files, opened
/// as the client, and the same records.
#[derive(Debug)]
pub(super) struct TextService(FileService);

impl TextService {
    /// Serves the files of `files`.
    pub(super) fn new(files: FileService) -> Self {
        Self(files)
    }
}

impl Service for TextService {
    fn runs_on(&self, method: u32) -> Option<RunsOn> {
        (method == TEXT).then_some(RunsOn::WorkerOrPool)
    }

    /// It does what `get` does.
    fn name_of(&self, method: u32) -> Option<&'static str> {
        (method == TEXT).then_some("get")
    }

    fn call(
        &self,
        context: &Context<'_>,
        _method: u32,
        arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let observer = self.0.observer();
        let path = match path(arguments) {
            Ok(path) => path,
            Err(failure) => return observer.reply(context, Method::Get, None, Err(failure)),
        };
        context.asks_for(path.as_bytes());
        let text = self.0.text(context, &path);
        let cut = text.as_ref().is_ok_and(|text| text.cut);
        let reply = text.map(|text| Reply::new(Vec::new()).with_body(Body::Bytes(text.utf16)));
        observer.reply_perhaps_cut(context, Method::Get, Some(path), cut, reply)
    }
}

impl FileService {
    /// As much of a file's text as fits into one string. No more is read than can matter.
    fn text(&self, context: &Context<'_>, path: &WirePath) -> Result<Text, Failure> {
        let (file, metadata) = self.open(context, path, Open::Read)?;
        let root = self.root();
        let mut decoder = TextDecoder::new(MAX_PAYLOAD);
        let mut buffer = vec![0; READ_SIZE];
        let mut at = 0;
        while !decoder.is_full() {
            match root.read_at(&file, &mut buffer, at) {
                Ok(0) => break,
                Ok(count) => {
                    decoder.push(&buffer[..count]);
                    at += count as u64;
                }
                Err(error) => return Err(broken(Subject::Path(path), &error)),
            }
        }
        let now = root.metadata(&file).map_err(|error| broken(Subject::Path(path), &error))?;
        if Validator::from(&now) != Validator::from(&metadata) {
            return Err(Failure::new(ErrorKind::Changed, format!("`{path}`, while it was read")));
        }
        Ok(decoder.finish())
    }
}

/// The path that a client has named, as it names files on this system.
fn path(mut arguments: Arguments<'_>) -> Result<WirePath, Failure> {
    let name = arguments.next().and_then(|name| std::str::from_utf8(name).ok());
    let path = name.and_then(|name| platform::wire_path(OsStr::new(name)));
    let path = path.ok_or_else(|| Error::InvalidInput {
        reason: "the name is none that a file of this system can have".to_owned(),
    })?;
    Ok(WirePath::new(path)?)
}

/// The only method: sends the text of the file that its argument names, in UTF-8.
pub(super) const TEXT: u32 = 1;

/// How much of a file is read at once, in bytes.
const READ_SIZE: usize = 32 << 10;
