//! What a server tells its operator about each request.

use std::fmt;
use std::sync::Arc;

use ipc_core::service::{Body, Context, Outcome, Reply, Worker};
use ipc_core::{Failure, Peer};

use crate::platform;
use crate::protocol::WirePath;

/// One request that has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// The thread that handled it, as the runtime counts.
    pub worker: Worker,
    /// The same thread, as the system counts, where it does.
    pub thread: Option<u32>,
    /// Who asked; `None` if that is not known or not to be told.
    pub peer: Option<Peer>,
    /// What was asked for.
    pub method: Method,
    /// Of which file.
    pub path: Option<WirePath>,
    /// How many bytes of the body were sent.
    pub bytes: u64,
    /// Whether that was only the beginning, all that the protocol has room for.
    pub cut: bool,
    /// Whether it was answered whole.
    pub outcome: Result<(), Failure>,
}

/// One line, with everything that a client chose escaped.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.peer.as_ref().map_or_else(|| "anonymous".to_owned(), Peer::to_string);
        write!(f, "{:<9} ", self.worker.to_string())?;
        if let Some(thread) = self.thread {
            write!(f, "thread {thread:<7} ")?;
        }
        write!(f, "{who:<24} {:<7} ", self.method)?;
        if let Some(path) = &self.path {
            write!(f, "`{path}`  ")?;
        }
        match &self.outcome {
            Ok(()) if self.cut => write!(f, "{} bytes  ok, cut there", self.bytes),
            Ok(()) => write!(f, "{} bytes  ok", self.bytes),
            Err(failure) => write!(f, "{} bytes  {failure}", self.bytes),
        }
    }
}

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A file's content.
    Get,
    /// What a name stands for.
    Stat,
    /// A directory's entries.
    List,
    /// A file's checksum.
    Sum,
    /// What the server knows about the client.
    WhoAmI,
    /// A file, opened and passed to the client.
    HandOver,
    /// The content of a file that the client passed.
    GetPassed,
    /// The checksum of a file that the client passed.
    SumPassed,
    /// Whether a file would be served, and why not.
    Explain,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Get => "get",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Sum => "sum",
            Self::WhoAmI => "whoami",
            Self::HandOver => "hand-over",
            Self::GetPassed => "get-passed",
            Self::SumPassed => "sum-passed",
            Self::Explain => "explain",
        })
    }
}

/// Whoever wants to know of requests; by default nobody.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Observe>>);

type Observe = dyn Fn(&Record) + Send + Sync;

impl Observer {
    pub(crate) fn new(observe: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    /// Passes `reply` on, and records the request: now if it has failed or has no body, else when
    /// the body has been sent or never will be.
    pub(crate) fn reply<T>(
        &self,
        context: &Context<'_>,
        method: Method,
        path: Option<WirePath>,
        reply: Result<Reply<T>, Failure>,
    ) -> Result<Reply<T>, Failure> {
        self.reply_perhaps_cut(context, method, path, false, reply)
    }

    /// The same, of an answer that may be `cut` because the protocol has no room for all of it.
    pub(crate) fn reply_perhaps_cut<T>(
        &self,
        context: &Context<'_>,
        method: Method,
        path: Option<WirePath>,
        cut: bool,
        reply: Result<Reply<T>, Failure>,
    ) -> Result<Reply<T>, Failure> {
        let Some(observe) = self.0.clone() else {
            return reply;
        };
        let mut record = Record {
            worker: context.worker(),
            thread: platform::thread_id(),
            peer: context.peer().ok().cloned(),
            method,
            path,
            bytes: 0,
            cut,
            outcome: reply.as_ref().map(|_| ()).map_err(Failure::clone),
        };
        match reply {
            Ok(reply) if !matches!(reply.body, Body::Empty) => {
                Ok(reply.when_done(move |outcome: &Outcome| {
                    record.bytes = outcome.sent;
                    record.outcome.clone_from(&outcome.result);
                    observe(&record);
                }))
            }
            reply => {
                observe(&record);
                reply
            }
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "nobody" })
    }
}
