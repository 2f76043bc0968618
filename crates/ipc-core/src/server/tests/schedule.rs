//! Many clients that do what a seed says, in whatever order the threads happen to run.

use super::*;
use crate::testing::Random;

fn play(transport: &MemoryTransport, seed: u64, gates: &Sender<()>) -> usize {
    let mut script = Random(seed);
    let mut calls = 0;
    let mut client = LineClient::connect(transport);
    for step in 0..60 {
        match script.below(8) {
            0 => client = LineClient::connect(transport),
            1 => {
                let length = script.below(200_000);
                assert_eq!(client.call(BYTES, &length.to_string()), length.to_string());
                client.read_body(length);
                calls += 1;
            }
            2 => {
                gates.send(()).expect("the service listens");
                assert_eq!(client.call(WAIT_ON_POOL, "pool"), "pool");
                calls += 1;
            }
            3 => {
                client.ask(BYTES, "300000");
                client = LineClient::connect(transport); // gone in the middle of its body
                calls += 1;
            }
            4 => {
                let burst = script.below(80);
                let lines: String = (0..burst).map(|n| format!("{ECHO} {n}\n")).collect();
                client.0.write_all(lines.as_bytes(), soon()).expect("written");
                for n in 0..burst {
                    assert_eq!(client.line(), n.to_string());
                }
                calls += burst;
            }
            _ => {
                let text = format!("{seed} {step}");
                assert_eq!(client.call(ECHO, &text), text);
                calls += 1;
            }
        }
    }
    calls
}

#[test]
fn every_call_of_every_schedule_is_answered_once() {
    for seed in 1..=4_u64 {
        let transport = MemoryTransport::new().buffer(4096);
        let (service, gates) = service();
        let server = start(&transport, service);
        let calls: usize = std::thread::scope(|scope| {
            let players: Vec<_> = (0..6)
                .map(|player| {
                    let (transport, open) = (transport.clone(), gates.open.clone());
                    scope.spawn(move || play(&transport, seed * 1000 + player, &open))
                })
                .collect();
            players.into_iter().map(|player| player.join().expect("no player fails")).sum()
        });
        server.shutdown(soon()).expect("everything ends");
        let handled = gates.handled.load(Ordering::SeqCst);
        assert!(handled <= calls, "{handled} calls handled, {calls} made");
    }
}
