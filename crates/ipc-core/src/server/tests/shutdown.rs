//! Stopping: what is under way finishes, what is not was never run.

use super::*;

#[test]
fn a_shutdown_lets_calls_finish_and_frees_the_name() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let server = start(&transport, service);
    let busy = LineClient::connect(&transport);
    let idle = LineClient::connect(&transport);
    assert_eq!(idle.call(ECHO, "here"), "here");
    busy.ask(WAIT_ON_POOL, "finished");
    wait(&gates.waiting);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.shutdown(soon()));
        assert_eq!(idle.line(), "bye");
        assert_eq!(idle.line(), "", "the idle connection ends");
        assert_eq!(busy.line(), "bye");
        gates.open.send(()).expect("the handler waits");
        assert_eq!(busy.line(), "finished");
        // The server closes without loss: it waits for this end.
        drop((busy, idle));
        stopping.join().expect("no panic").expect("drained in time");
    });
    let again = transport.bind(&at(), &BindOptions::new());
    assert!(again.is_ok(), "the name is free: {again:?}");
}

#[test]
fn a_shutdown_cuts_what_does_not_finish_in_time() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let server = start(&transport, service);
    let stuck = LineClient::connect(&transport);
    stuck.ask(WAIT_ON_POOL, "never");
    wait(&gates.waiting);
    let outcome = server.shutdown(Deadline::after(Duration::from_millis(20)));
    assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}");
    assert_eq!(stuck.line(), "bye", "it was told");
    gates.open.send(()).expect("the handler still waits, and holds its connection");
    let mut byte = [0];
    let end = stuck.0.read(&mut byte, soon());
    assert!(matches!(end, Ok(0) | Err(Error::Disconnected { .. })), "{end:?}");
}

#[test]
fn a_shutdown_does_not_wait_for_clients_that_are_owed_nothing() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let limits = ServerLimits { closing: Duration::from_secs(3600), ..ServerLimits::default() };
    let server = Server::builder(Arc::new(transport.clone()), at())
        .limits(limits)
        .serve_protocol(service, lines)
        .expect("the server starts");
    let deaf = LineClient::connect(&transport);
    assert_eq!(deaf.call(ECHO, "here"), "here");
    server.shutdown(soon()).expect("long before the limit");
    assert_eq!(deaf.line(), "bye", "it is there for whoever looks later");
}

#[test]
fn a_dropped_server_ends_its_connections() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let server = start(&transport, service);
    let client = LineClient::connect(&transport);
    assert_eq!(client.call(ECHO, "here"), "here");
    drop(server);
    let mut byte = [0];
    while matches!(client.0.read(&mut byte, soon()), Ok(1)) {}
    let options = ConnectOptions::new().server(Policy::any());
    let error = transport.connect(&at(), &options).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::NoServer);
}
