//! Systems other than Linux, where there is nothing to filter.

use crate::workspace::Result;

pub(crate) fn refuse_io_uring() -> Result {
    Err("only Linux has `io_uring`".to_owned())
}
