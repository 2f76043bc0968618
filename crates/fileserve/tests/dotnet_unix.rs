//! What `--compat dotnet` has on Unix alone: users, sockets at .NET's places, and half-close.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use common::users::{ALICE, BOB, fileserve_as, is_root};
use common::{Place, Server, dotnet, fileserve, raw, run};
use fileserve::dotnet::GREETING;

#[test]
fn a_name_is_where_programs_of_dotnet_have_it() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let mut serve = fileserve(["serve", "a pipe", "--compat", "dotnet", "--any-path"]);
    serve.env("TMPDIR", place.beside(""));
    let _server = Server::run(serve, String::new());
    assert_eq!(place.names(), ["CoreFxPipe_a pipe", "CoreFxPipe_a pipe.lock"]);
    let mut get = fileserve(["get", "a pipe", "--compat", "dotnet"]);
    get.arg(&path).env("TMPDIR", place.beside(""));
    assert_eq!(run(get).text(), "content");
    run(fileserve(["get", "a/b", "x", "--compat", "dotnet"])).failed(2, "absolute path");
}

#[test]
fn each_client_gets_what_it_may_read_itself() {
    if !is_root("each_client_gets_what_it_may_read_itself") {
        return;
    }
    let place = Place::new();
    let path = place.owned("alices", "only alice reads this", 0o600, ALICE, ALICE);
    let server = Server::for_dotnet(&place, ["--allow", "any", "--socket-mode", "0666"]);
    let get_as = |uid| {
        let mut get = fileserve_as(uid, ["get", server.endpoint(), "--compat", "dotnet"]);
        get.arg(&path);
        run(get)
    };
    assert_eq!(get_as(ALICE).text(), "only alice reads this");
    get_as(BOB).failed(7, "you may not read it");
    run(dotnet::get(&server, &path)).failed(7, "you may not read it");
    for (uid, outcome) in [(ALICE, "ok"), (BOB, "permission denied"), (0, "permission denied")] {
        let record = server.record();
        assert_eq!((&record["uid"], &record["outcome"]), (&uid.into(), &outcome.into()));
    }
}

#[test]
fn who_is_not_admitted_hears_nothing_at_all() {
    if !is_root("who_is_not_admitted_hears_nothing_at_all") {
        return;
    }
    let place = Place::new();
    let server = Server::for_dotnet(&place, ["--socket-mode", "0666"]);
    let mut get = fileserve_as(ALICE, ["get", server.endpoint(), "--compat", "dotnet"]);
    get.arg("/x");
    run(get).failed(7, "it does not serve you");
    server.says("uid 42001 is not admitted by `same-user`");
}

#[test]
fn a_client_that_ends_its_half_behind_the_name_is_answered() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let _server = Server::for_dotnet(&place, [""; 0]);
    let client = dotnet::connect(&place.pipe());
    client
        .write_all(&dotnet::string(path.to_str().expect("text")), raw::soon())
        .expect("the server reads");
    client.finish_writing().expect("half-close");
    assert_eq!(dotnet::read_string(&*client), GREETING);
    assert_eq!(dotnet::read_string(&*client), "content");
}
