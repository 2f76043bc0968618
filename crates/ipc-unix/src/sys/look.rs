//! What a look at a file tells, in words that every Unix shares.

use ipc_core::files::Metadata;

/// What decides about a file, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) metadata: Metadata,
    /// The access control list in Linux's form, if there is one. A list in another form is no look
    /// but an error.
    pub(crate) list: Option<Vec<u8>>,
}

/// Who decides about the files of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// Owner, group, mode and access control list, and nothing else.
    JudgesByMode,
    /// Its files are made up by the kernel.
    MadeUp,
    /// Perhaps a server elsewhere, or a program: nobody here can tell.
    Unknown,
}
