//! The bounded pool of threads for handlers that block, shared fairly between those who ask.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::error::{ErrorKind, Failure};

/// Threads that run whole jobs, and a bounded queue before them.
///
/// Those who ask take turns, none has all threads (where there are several) and none fills more
/// than half of the queue: whoever asks for much waits for himself.
///
/// Dropping the pool lets the queued jobs finish; it does not wait for them.
pub(super) struct Pool(Arc<Shared>);

/// Work for a pool thread, which tells its number.
pub(super) type Job = Box<dyn FnOnce(usize) + Send>;

/// Who asks: everybody with the same one shares a share.
pub(super) type Asker = Arc<str>;

impl Pool {
    /// Starts `threads` threads with a queue of `queue` jobs; at least one of each.
    pub(super) fn start(threads: usize, queue: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            most_running: (threads - 1).max(1),
            most_queued: queue.max(1),
        });
        let pool = Self(Arc::clone(&shared));
        for number in 1..=threads {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("ipc-pool-{number}"))
                .spawn(move || shared.work(number))?;
        }
        Ok(pool)
    }

    /// Queues `job` of `asker`.
    ///
    /// # Errors
    /// `LimitExceeded` if the queue, or the asker's half of it, is full.
    pub(super) fn submit(&self, asker: Asker, job: Job) -> Result<(), Failure> {
        let mut state = self.0.state.lock();
        let own = state.line(&asker).map_or(0, |line| line.len());
        let most_own = self.0.most_queued.div_ceil(2);
        if own >= most_own || state.queued >= self.0.most_queued {
            let text = format!("{} calls already wait for a thread; try again later", state.queued);
            return Err(Failure::new(ErrorKind::LimitExceeded, text));
        }
        state.queued += 1;
        match state.line(&asker) {
            Some(line) => line.push_back(job),
            None => state.lines.push_back((asker, VecDeque::from([job]))),
        }
        self.0.changed.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("queued", &self.0.state.lock().queued).finish()
    }
}

struct Shared {
    state: Mutex<State>,
    /// Told when there is something to run, or may be run now, or nothing ever will be.
    changed: Condvar,
    /// How many threads one asker may have.
    most_running: usize,
    most_queued: usize,
}

#[derive(Default)]
struct State {
    /// Who waits, in turn, each with a line of jobs; no line is empty.
    lines: VecDeque<(Asker, VecDeque<Job>)>,
    /// How many jobs wait in all lines.
    queued: usize,
    /// How many threads each asker has; none is 0.
    running: HashMap<Asker, usize>,
    closed: bool,
}

impl Shared {
    fn work(&self, number: usize) {
        while let Some((asker, job)) = self.next() {
            let _running = Running { shared: self, asker };
            job(number);
        }
    }

    /// Waits for a job; `None` once there will be none.
    fn next(&self) -> Option<(Asker, Job)> {
        let mut state = self.state.lock();
        loop {
            if let Some(next) = state.take(self.most_running) {
                return Some(next);
            }
            if state.closed && state.queued == 0 {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }
}

impl State {
    fn line(&mut self, asker: &str) -> Option<&mut VecDeque<Job>> {
        self.lines.iter_mut().find(|(other, _)| **other == *asker).map(|(_, line)| line)
    }

    /// Takes a job of whoever has the fewest threads and may have another, of several such the first
    /// in turn, and puts him last.
    fn take(&mut self, most_running: usize) -> Option<(Asker, Job)> {
        let running = |(asker, _): &(Asker, _)| self.running.get(asker).copied().unwrap_or(0);
        let (first, _) = (self.lines.iter().map(running).enumerate())
            .filter(|(_, count)| *count < most_running)
            .min_by_key(|(_, count)| *count)?;
        let (asker, mut line) = self.lines.remove(first)?;
        let job = line.pop_front()?;
        if !line.is_empty() {
            self.lines.push_back((Arc::clone(&asker), line));
        }
        self.queued -= 1;
        *self.running.entry(Arc::clone(&asker)).or_default() += 1;
        Some((asker, job))
    }
}

/// Gives the thread back, also if the job panics.
struct Running<'a> {
    shared: &'a Shared,
    asker: Asker,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if let Some(count) = state.running.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                state.running.remove(&self.asker);
            }
        }
        // The asker may have another one now; so may threads that found nothing to run before.
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, Sender, unbounded};

    /// A pool whose jobs say who asked for them and wait to be let go.
    struct Test {
        pool: Pool,
        ran: (Sender<String>, Receiver<String>),
        go: (Sender<()>, Receiver<()>),
    }

    impl Test {
        fn start(threads: usize, queue: usize) -> Self {
            let pool = Pool::start(threads, queue).expect("threads");
            Self { pool, ran: unbounded(), go: unbounded() }
        }

        fn submit(&self, asker: &str) -> Result<(), ErrorKind> {
            let (ran, go, name) = (self.ran.0.clone(), self.go.1.clone(), asker.to_owned());
            let job = move |_| {
                ran.send(name).expect("the test listens");
                go.recv().expect("the test lets go");
            };
            self.pool.submit(asker.into(), Box::new(job)).map_err(|failure| failure.kind())
        }

        fn runs(&self) -> String {
            self.ran.1.recv_timeout(std::time::Duration::from_secs(60)).expect("a job runs")
        }

        fn let_go(&self) {
            self.go.0.send(()).expect("a job waits");
        }
    }

    #[test]
    fn whoever_asks_for_much_leaves_a_thread_to_others_and_waits_for_himself() {
        let test = Test::start(3, 20);
        for _ in 0..10 {
            test.submit("greedy").expect("half of the queue, and two threads");
        }
        assert_eq!((test.runs(), test.runs()), ("greedy".into(), "greedy".into()));
        test.submit("modest").expect("there is room");
        assert_eq!(test.runs(), "modest");
        test.submit("late").expect("there is room");
        // Whichever job ends: he has no thread, and everybody else has one.
        test.let_go();
        assert_eq!(test.runs(), "late", "before the many that the first still wants");
        for _ in 0..11 {
            test.let_go();
        }
        for _ in 0..8 {
            assert_eq!(test.runs(), "greedy");
        }
    }

    #[test]
    fn the_queue_is_bounded_for_each_and_for_all() {
        let test = Test::start(1, 4);
        test.submit("a").expect("runs");
        assert_eq!(test.runs(), "a");
        assert_eq!(test.submit("a").and_then(|()| test.submit("a")), Ok(()));
        assert_eq!(test.submit("a"), Err(ErrorKind::LimitExceeded), "his half is full");
        assert_eq!(test.submit("b").and_then(|()| test.submit("c")), Ok(()));
        assert_eq!(test.submit("d"), Err(ErrorKind::LimitExceeded), "all of it is full");
        for _ in 0..5 {
            test.let_go();
        }
        let order: Vec<String> = (0..4).map(|_| test.runs()).collect();
        assert_eq!(order, ["a", "b", "c", "a"], "in turn");
    }
}
