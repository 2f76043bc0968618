//! How many clients a server takes, and what each may hold, by the descriptors that it may have.

use ipc_core::server::ServerLimits;
use ipc_core::session::SessionLimits;

/// What a server allows all of its clients, and each connection.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) server: ServerLimits,
    pub(crate) session: SessionLimits,
    /// How many descriptors this process may have, where the system has such a limit.
    descriptors: Option<u64>,
}

impl Limits {
    /// `session` with fewer files under way where there are few descriptors: one user, with all the
    /// connections that he may have, `each` of which may take so many, and the files that he is sent on
    /// them, leaves some to others and to the server itself.
    pub(crate) fn within(
        descriptors: Option<u64>,
        each: usize,
        mut session: SessionLimits,
    ) -> Self {
        let mut server = ServerLimits::default();
        if let Some(all) = descriptors.and_then(|all| usize::try_from(all).ok()) {
            let most = all / 8 * 3 / each;
            server.connections = server.connections.min(most).max(1);
            let for_files = (all / 8 * 7).saturating_sub(server.connections * each);
            let bodies = u32::try_from(for_files / server.most_of_one_user()).unwrap_or(u32::MAX);
            session.bodies = session.bodies.min(bodies).max(1);
        }
        Self { server, session, descriptors }
    }

    /// What an operator should know where the system allows fewer clients than a server would take.
    pub(crate) fn remark(&self) -> Option<String> {
        let clients = self.server.connections;
        let descriptors =
            self.descriptors.filter(|_| clients < ServerLimits::default().connections)?;
        Some(format!(
            "  limits   {clients} clients at once, {} of one user, for this process may have \
             {descriptors} descriptors (`ulimit -Hn`)",
            self.server.most_of_one_user()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a server whose connections take one descriptor each, or 21, as those that pass handles do.
    fn within(descriptors: impl Into<Option<u64>>, each: usize) -> Limits {
        Limits::within(descriptors.into(), each, SessionLimits::default())
    }

    #[test]
    fn where_nothing_is_short_nothing_is_limited_further() {
        for (descriptors, each) in [(None, 21), (Some(1 << 20), 1), (Some(u64::MAX), 21)] {
            let limits = within(descriptors, each);
            assert_eq!(limits.server, ServerLimits::default());
            assert_eq!(limits.session, SessionLimits::default());
            assert_eq!(limits.remark(), None);
        }
    }

    #[test]
    fn t60_one_user_leaves_descriptors_to_others_and_to_the_server() {
        for descriptors in [128, 256, 1000, 1024, 4096, 20_000, 65_536, 100_000, 524_288] {
            for each in [1, 21] {
                let Limits { server, session, .. } = within(descriptors, each);
                let taken = server.most_of_one_user() * (each + session.bodies as usize);
                assert!(taken as u64 <= descriptors / 8 * 7, "{taken} of {descriptors}");
            }
        }
    }

    #[test]
    fn few_descriptors_are_remarked_upon_and_some_clients_are_served_with_hardly_any() {
        let remark = within(1024, 1).remark().expect("few");
        assert!(remark.contains("384 clients at once, 288 of one user"), "{remark}");
        for descriptors in 0..64 {
            let limits = within(descriptors, 21);
            assert!(limits.server.connections > 0 && limits.session.bodies > 0);
        }
    }
}
