//! Whether a thread may act as a client: decided on facts alone.

use ipc_core::{Error, ImpersonationLevel, Result};

/// How far a server may act for a client that has stated `stated` and whose token carries `token`:
/// the lower of the two, and nothing before it has stated anything.
pub(crate) fn in_force(
    stated: Option<ImpersonationLevel>,
    token: ImpersonationLevel,
) -> Option<ImpersonationLevel> {
    stated.map(|stated| stated.min(token))
}

/// Admits a client that grants `Impersonation` or more. `is_privileged` tells whether this process
/// may impersonate clients of other users, and is asked only to say what is missing.
pub(super) fn level(
    stated: Option<ImpersonationLevel>,
    token: ImpersonationLevel,
    is_privileged: impl FnOnce() -> bool,
) -> Result<()> {
    const NEEDED: ImpersonationLevel = ImpersonationLevel::Impersonation;
    let granted = in_force(stated, token);
    if granted >= Some(NEEDED) {
        return Ok(());
    }
    if stated >= Some(NEEDED) && !is_privileged() {
        return Err(Error::NotPrivileged {
            reason: format!(
                "the client states {NEEDED} and the system lets this process have only {token}: \
                 for another user's client it takes SeImpersonatePrivilege, unless the client \
                 itself opened the pipe for no more"
            ),
        });
    }
    Err(Error::LevelTooLow { needed: NEEDED, granted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ImpersonationLevel::{Anonymous, Delegation, Identification, Impersonation};

    fn decide(stated: Option<ImpersonationLevel>, token: ImpersonationLevel) -> Result<()> {
        level(stated, token, || true)
    }

    #[test]
    fn the_lower_of_statement_and_token_is_in_force() {
        assert_eq!(in_force(None, Delegation), None);
        assert_eq!(in_force(Some(Impersonation), Identification), Some(Identification));
        assert_eq!(in_force(Some(Anonymous), Impersonation), Some(Anonymous));
        assert_eq!(in_force(Some(Delegation), Delegation), Some(Delegation));
    }

    #[test]
    fn only_impersonation_and_more_by_both_is_enough() {
        for stated in [None, Some(Anonymous), Some(Identification)] {
            let refusal = decide(stated, Delegation).expect_err("too low");
            assert!(matches!(refusal, Error::LevelTooLow { granted, .. } if granted == stated));
        }
        let refusal = decide(Some(Delegation), Identification).expect_err("the token's is too low");
        assert!(matches!(refusal, Error::LevelTooLow { granted: Some(Identification), .. }));
        for (stated, token) in
            [(Impersonation, Impersonation), (Impersonation, Delegation), (Delegation, Delegation)]
        {
            decide(Some(stated), token).expect("enough");
        }
    }

    #[test]
    fn a_server_that_lacks_the_privilege_is_told_so() {
        let refusal = level(Some(Impersonation), Identification, || false).expect_err("refused");
        assert!(matches!(refusal, Error::NotPrivileged { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains("SeImpersonatePrivilege"), "{refusal}");
        let refusal = level(Some(Identification), Identification, || false).expect_err("refused");
        assert!(matches!(refusal, Error::LevelTooLow { .. }), "no privilege would help: {refusal}");
    }
}
