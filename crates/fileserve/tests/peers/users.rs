//! What a server of .NET and this one refuse to another user, though they may read it themselves.

use super::common::users::{ALICE, fileserve_as, is_root, set_mode};
use super::common::{Place, Server, run, system};
use super::runtime::{Peer, bounded};

#[test]
fn both_refuse_what_only_they_may_read() {
    let test = "users::both_refuse_what_only_they_may_read";
    let Some(peer) = Peer::dotnet(test) else { return };
    if !is_root(test) {
        return;
    }
    bounded(move || {
        let place = Place::new();
        let path = place.owned("key", "secret", 0o600, 0, 0);
        let is_refused = || {
            let mut get = fileserve_as(ALICE, ["get", &place.pipe(), "--compat", "dotnet"]);
            get.args(["--trust", "system"]).arg(&path);
            run(get).failed(7, "closed without a word");
        };
        {
            let _server = peer.serve(&place);
            // It leaves the mode of its socket to the umask.
            set_mode(&place.beside("socket"), 0o666);
            is_refused();
        }
        let _server = Server::for_dotnet(&place, system::SERVE_ALL);
        is_refused();
    });
}
