//! The payload of the frames that end something: a call, the taking of calls, the connection.

use super::{Header, Kind};
use crate::error::{Error, Failure, Result};

/// The payload of an end, a goodbye or an error.
///
/// ```text
///  0      2     4             8        16
/// +------+-----+-------------+--------+--------------------+-----------
/// | code | 0   | text length | number | text               | detail
/// | u16  | u16 | u32         | u64    | text length, UTF-8 | the rest
/// +------+-----+-------------+--------+--------------------+-----------
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it ended well: code 0.
    pub result: Result<(), Failure>,
    /// End: how many bytes of the body are valid. Goodbye: the last call that was taken. Error: 0.
    pub number: u64,
}

impl Status {
    /// How long the part before the text is, in bytes.
    pub const LENGTH: usize = 16;

    /// The status in `payload`. A text that is no UTF-8 is mended.
    ///
    /// # Errors
    /// [`Error::Protocol`] for too few bytes, reserved bits, or a text longer than the payload.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let fault = |what: &str| Error::Protocol { reason: format!("a status {what}") };
        let Some((head, rest)) = payload.split_first_chunk::<{ Self::LENGTH }>() else {
            return Err(fault("without a head"));
        };
        let [c0, c1, r0, r1, t0, t1, t2, t3, number @ ..] = *head;
        if (r0, r1) != (0, 0) {
            return Err(fault("with reserved bits"));
        }
        let length = usize::try_from(u32::from_le_bytes([t0, t1, t2, t3])).ok();
        let Some((text, detail)) = length.and_then(|length| rest.split_at_checked(length)) else {
            return Err(fault("whose text is longer than its frame"));
        };
        let result = match u16::from_le_bytes([c0, c1]) {
            0 => Ok(()),
            code => {
                let text = String::from_utf8_lossy(text).into_owned();
                Err(Failure::from_wire(code, text, detail.to_vec()))
            }
        };
        Ok(Self { result, number: u64::from_le_bytes(number) })
    }
}

/// Appends a frame with a status; without a `failure` it ended well. A detail that would make the
/// frame longer than `limit`, which is at least [`MIN_PAYLOAD`](super::MIN_PAYLOAD), is left out.
pub(crate) fn push_status(
    out: &mut Vec<u8>,
    kind: Kind,
    call: u64,
    failure: Option<&Failure>,
    number: u64,
    limit: u32,
) {
    let (code, text, detail) = match failure {
        None => (0, "", &[][..]),
        // A service may have made a failure of number 0, which would read as success.
        Some(failure) if failure.code() == 0 => (u16::MAX, failure.text(), failure.detail()),
        Some(failure) => (failure.code(), failure.text(), failure.detail()),
    };
    let whole = Status::LENGTH + text.len() + detail.len();
    let (length, detail) = match u32::try_from(whole) {
        Ok(length) if length <= limit => (length, detail),
        _ => (short(Status::LENGTH + text.len()), &[][..]),
    };
    out.extend_from_slice(&Header::new(kind, call, length).encode());
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&short(text.len()).to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(detail);
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("a failure's text is at most MAX_TEXT long")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::frame::MIN_PAYLOAD;

    fn wire(failure: Option<&Failure>, number: u64) -> Vec<u8> {
        let mut wire = Vec::new();
        push_status(&mut wire, Kind::End, 3, failure, number, MIN_PAYLOAD);
        wire
    }

    #[test]
    fn a_status_survives_with_its_detail() {
        let failure = Failure::new(ErrorKind::NotFound, "no Käse").with_detail(vec![0, 1]);
        let status = Status::decode(&wire(Some(&failure), 9)[Header::LENGTH..]).expect("valid");
        assert_eq!(status, Status { result: Err(failure), number: 9 });
        let status = Status::decode(&wire(None, 0)[Header::LENGTH..]).expect("valid");
        assert_eq!(status, Status { result: Ok(()), number: 0 });
    }

    #[test]
    fn a_detail_that_the_peer_would_refuse_is_left_out() {
        let large = vec![7; MIN_PAYLOAD as usize];
        let failure = Failure::new(ErrorKind::Busy, "later").with_detail(large);
        let status = Status::decode(&wire(Some(&failure), 0)[Header::LENGTH..]).expect("valid");
        assert_eq!(status.result, Err(Failure::new(ErrorKind::Busy, "later")));
    }

    #[test]
    fn a_failure_never_reads_as_success() {
        let failure = Failure::from_wire(0, "made by hand".to_owned(), Vec::new());
        let status = Status::decode(&wire(Some(&failure), 0)[Header::LENGTH..]).expect("valid");
        assert_eq!(status.result.map_err(|failure| failure.kind()), Err(ErrorKind::Unknown));
    }

    #[test]
    fn a_malformed_status_is_refused_and_bad_text_is_mended() {
        let failure = Failure::new(ErrorKind::Busy, "ab");
        let good = wire(Some(&failure), 0)[Header::LENGTH..].to_vec();
        assert!(Status::decode(&good[..15]).is_err(), "too short");
        assert!(Status::decode(&good[..17]).is_err(), "text cut off");
        let mut reserved = good.clone();
        reserved[2] = 1;
        assert!(Status::decode(&reserved).is_err(), "reserved bits");
        let mut bad_text = good;
        bad_text[16] = 0xff;
        let mended = Status::decode(&bad_text).expect("valid").result.expect_err("a failure");
        assert_eq!(mended.text(), "\u{fffd}b");
    }
}
